public struct HealthConfiguration: Equatable, Sendable {
  public enum Kind: String, CaseIterable, Equatable, Sendable {
    case tcp, tls, http, redis, postgresql, mysql, smtp, script
  }

  /// What a backend is before its first result.
  public enum Initial: String, CaseIterable, Equatable, Sendable {
    case up, down, checking
  }

  public var type = Kind.tcp
  public var interval: Duration = .seconds(2)
  public var timeout: Duration = .seconds(1)
  /// Between up and down; nil is a quarter of the interval.
  public var fastInterval: Duration?
  /// While down; nil is the interval.
  public var downInterval: Duration?
  public var fall = 3
  public var rise = 2
  public var initial = Initial.checking
  /// What a tcp or tls check sends, and what it waits for.
  public var send: String?
  public var expect: String?
  /// What an http check asks.
  public var http = HTTPHealthConfiguration()
  /// As whom a mysql check logs in.
  public var user: String?
  /// The program of a script check and its arguments.
  public var script: [String]?
  /// Checks go to this port; nil is the backend's own.
  public var port: Int?
  /// nil is no damping.
  public var flap: FlapConfiguration? = FlapConfiguration()
  /// nil is what the traffic uses.
  public var tls: BackendTLS?

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "health",
    [
      Field(
        "type", \.type, .word,
        "What a check does. tcp: it connects, and with send and expect it talks. tls: it also shakes hands and verifies the certificate. http: a request, and its status decides. redis, postgresql, mysql, smtp: a few words of that protocol. script: a program of yours decides."
      ),
      Field("interval", \.interval, .duration, "From one check of a backend to the next, give or take 10 %."),
      Field("timeout", \.timeout, .duration, "How long a check may take before it has failed."),
      Field(
        "fastInterval", \.fastInterval, .optional(.duration),
        "The interval while a backend is between up and down. Default: a quarter of interval."),
      Field(
        "downInterval", \.downInterval, .optional(.duration),
        "The interval while a backend is down. Default: interval."),
      Field("fall", \.fall, .integer(1...1000), "Failed checks in a row after which a backend is down."),
      Field("rise", \.rise, .integer(1...1000), "Passed checks in a row after which a backend is up again."),
      Field(
        "initial", \.initial, .word,
        "What a backend is before its first check: up, down, or checking: not used until that check, which is sent at once and decides alone."
      ),
      Field(
        "send", \.send, .optional(.someText(longest: 4096)),
        "tcp and tls: this text is sent once the connection stands."),
      Field(
        "expect", \.expect, .optional(.someText(longest: 1024)),
        "tcp and tls: the backend has to send this text, within its first 16 KiB."),
      Field("http", \.http, HTTPHealthConfiguration.shape, "http: the request, and what is taken for an answer."),
      Field(
        "user", \.user, .optional(.someText(longest: 128)),
        "mysql: the check logs in as this user, who has no password, instead of leaving after the greeting."),
      Field(
        "script", \.script, .optional(.command),
        "script: the program and its arguments. Exit status 0 within the timeout is a pass. A program without a slash is looked for in PATH."
      ),
      Field(
        "port", \.port, .optional(.integer(1...65535)),
        "Checks go to this port of the backend's address. A backend's own check comes before it."),
      Field(
        "tls", \.tls, .optional(.backendTLS),
        "TLS of the checks, where it differs from that of the sessions: what stands here comes before what the backend and the pool say; \"off\": none."
      ),
      Field(
        "flap", \.flap,
        .either(
          .words([("off", nil)], besides: "an object"), or: .optional(FlapConfiguration.shape), "\"off\" or an object"),
        "Damping: each change adds 1 to a penalty that halves with time; while it is high the backend is held down."),
    ]
  ).checking { health, json, reading in
    func fail(_ key: String, _ message: String) {
      guard case .object(let members) = json.kind, let member = members.first(where: { $0.key == key }) else { return }
      reading.inside(member) { reading.fail(at: member.location, message) }
    }
    let owners: [(String, [Kind])] = [
      ("send", [.tcp, .tls]), ("expect", [.tcp, .tls]), ("http", [.http]), ("user", [.mysql]), ("script", [.script]),
      ("tls", Kind.allCases.filter { $0 != .script }),
    ]
    for (key, types) in owners where !types.contains(health.type) {
      let owner = key == "tls" ? "checks that connect" : "type " + alternatives(types.map(\.rawValue.quoted))
      fail(key, "belongs to \(owner), but the type of this check is \(health.type.rawValue.quoted)")
    }
    if health.type == .tls, health.tls == .off { fail("tls", "a check of type \"tls\" cannot be without it") }
  }
}
