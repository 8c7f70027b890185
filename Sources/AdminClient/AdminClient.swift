import Base
import HTTPCore
import Reactor

/// Asks the admin server of a running balancer (docs/admin-api.md), and waits for the answer, each step with a limit.
public struct AdminClient: Sendable {
  /// Tried one after the other.
  let addresses: [SocketAddress]
  /// What the request's Host says.
  let host: String
  let token: String?

  private static let connectLimit: Duration = .seconds(3)

  /// - Parameters:
  ///   - host: a name of the server's own, with its port; `localhost` for a unix socket.
  ///   - token: of characters that a field may have (`FieldText.isValue`).
  public init(addresses: [SocketAddress], host: String, token: String?) {
    self.addresses = addresses
    self.host = host
    self.token = token
  }

  /// - Parameter limit: for the whole exchange.
  public func ask(_ request: Question, within limit: Duration = .seconds(10)) throws(AdminFailure) -> Answer {
    let deadline = Clock.now + limit
    let connection = try ClientConnection(to: addresses, until: min(deadline, Clock.now + Self.connectLimit))
    try connection.send(request.bytes(host: host, token: token), until: deadline, limit)
    var reader = AnswerReader(answering: request.method)
    while !reader.isComplete {
      try connection.receive(into: &reader, until: deadline, limit)
    }
    return Answer(status: reader.status ?? 0, body: reader.body)
  }

  /// Follows the events until `isWanted` answers false, the server ends the stream, or it is silent for longer than its
  /// comments allow.
  /// - Returns: the answer where it is no stream, else nil.
  public func follow(
    _ request: Question, silence: Duration = .seconds(45), isWanted: (EventStream.Item) -> Bool
  ) throws(AdminFailure) -> Answer? {
    let connection = try ClientConnection(to: addresses, until: Clock.now + Self.connectLimit)
    try connection.send(request.bytes(host: host, token: token), until: Clock.now + silence, silence)
    var reader = AnswerReader(answering: request.method, isStream: true)
    var stream = EventStream()
    while !reader.isComplete {
      try connection.receive(into: &reader, until: Clock.now + silence, silence)
      guard reader.status == 200 else { continue }
      for item in stream.take(reader.takePart()) where !isWanted(item) { return nil }
    }
    return reader.status == 200 ? nil : Answer(status: reader.status ?? 0, body: reader.body)
  }
}
