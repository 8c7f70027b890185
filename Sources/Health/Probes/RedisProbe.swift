/// The check of type `redis`: `PING`, to be answered with `+PONG` (RESP, redis.io/docs/reference/protocol-spec).
///
/// A server that asks for a password first is alive too: that is how it answers everybody who has none. All other errors
/// are failures, because clients would get them as well: it loads its data, its primary is gone, a script blocks it, it
/// has too many clients.
struct RedisProbe: Probe {
  /// In the form of an array, which proxies that know no inline commands take as well.
  private static let ping = Array("*1\r\n$4\r\nPING\r\n".utf8)
  private static let pong = Array("+PONG".utf8)
  /// Without a password, or as a user who may not even `PING`.
  private static let refusals = ["-NOAUTH ", "-NOPERM "].map { Array($0.utf8) }

  let expected = "+PONG"

  mutating func begin() -> ProbeStep { .send(Self.ping) }

  mutating func judge(_ answer: [UInt8]) -> ProbeStep {
    guard let line = answer.wholeLines.first else { return .wait }
    if line.elementsEqual(Self.pong) || Self.refusals.contains(where: { line.starts(with: $0) }) { return .passed }
    return .failed(received: Excerpt.quoted(line))
  }
}
