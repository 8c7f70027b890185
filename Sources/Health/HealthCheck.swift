/// What a check of a backend does.
public enum HealthCheck: Equatable, Sendable {
  /// Connects, sends a text if there is one, and waits for an answer that holds `expect` if there is one.
  case tcp(send: String = "", expect: String = "")
  /// The same after a TLS handshake, which the target's `tls` leads: it is what the check is about.
  case tls(send: String = "", expect: String = "")
  /// A request, whose response has to be as it says.
  case http(HTTPCheck)
  /// `PING`, to be answered with `+PONG`.
  case redis
  /// The question whether the server takes TLS, which every PostgreSQL answers before anybody logs in.
  case postgresql
  /// The greeting of the server and, with a user, a login without a password.
  case mysql(user: String? = nil)
  /// The greeting and the farewell.
  case smtp
  /// A program of the operator's: its arguments, the first of which is the program itself.
  case script([String])

  /// As balancer.json and the log name it.
  public var name: String {
    switch self {
    case .tcp: "tcp"
    case .tls: "tls"
    case .http: "http"
    case .redis: "redis"
    case .postgresql: "postgresql"
    case .mysql: "mysql"
    case .smtp: "smtp"
    case .script: "script"
    }
  }

  /// Leads the conversations with one backend; nil for a check that is none.
  func makeProbe() -> (any Probe)? {
    switch self {
    case .tcp(let send, let expect), .tls(let send, let expect): TCPProbe(send: send, expect: expect)
    case .http(let check): HTTPProbe(check)
    case .redis: RedisProbe()
    case .postgresql: PostgreSQLProbe()
    case .mysql(let user): MySQLProbe(user: user)
    case .smtp: SMTPProbe()
    case .script: nil
    }
  }
}
