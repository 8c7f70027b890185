/// The check of type `mysql`: the greeting of protocol version 10 (MySQL Internals, "Connection Phase"), and with a user
/// a login without a password and a proper farewell.
///
/// MySQL and MariaDB count a connection that ends without a login as an error of its host, and after `max_connect_errors`
/// of them in a row they refuse that host, all real clients that come by way of it included. There is no way to say goodbye
/// before the login that is not counted; only a login that succeeds clears the count. So there is `user`.
struct MySQLProbe: Probe {
  /// Nil: the greeting is enough.
  private let user: String?

  private enum Stage {
    case greeting
    case login
    /// The login again, in the way that the server has asked for.
    case otherLogin
  }

  private var stage = Stage.greeting

  init(user: String?) { self.user = user }

  var expected: String {
    switch stage {
    case .greeting: "a MySQL greeting"
    case .login, .otherLogin: "a login as \(Excerpt.quoted((user ?? "").utf8))"
    }
  }

  mutating func begin() -> ProbeStep {
    stage = .greeting
    return .wait
  }

  mutating func judge(_ answer: [UInt8]) -> ProbeStep {
    guard answer.count >= MySQLPacket.headerSize else { return .wait }
    let packet = MySQLPacket(answer)
    // Whatever speaks first and is no MySQL rarely begins with a plausible header: no need to wait for its end.
    guard (1...Self.longestAnswer - MySQLPacket.headerSize).contains(packet.size) else {
      return .failed(received: Excerpt.quoted(answer))
    }
    guard let payload = packet.payload else { return .wait }
    if let error = MySQLPacket.errorText(payload) { return .failed(received: error) }
    switch stage {
    case .greeting:
      guard packet.sequence == 0, payload.first == 10, payload.dropFirst().contains(0) else {
        return .failed(received: Excerpt.quoted(answer))
      }
      guard let user else { return .passed }
      stage = .login
      return .send(MySQLPacket.login(user, sequence: packet.sequence &+ 1))
    case .login where payload.first == MySQLPacket.otherMethod:
      // An empty password is an empty answer in every method.
      stage = .otherLogin
      return .send(MySQLPacket.empty(sequence: packet.sequence &+ 1))
    case .login, .otherLogin:
      return payload.first == MySQLPacket.okay
        ? .passed(farewell: MySQLPacket.quit) : .failed(received: Excerpt.quoted(answer))
    }
  }
}
