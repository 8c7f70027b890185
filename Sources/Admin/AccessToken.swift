/// The secret that requests have to bring along.
public struct AccessToken: Equatable, Sendable {
  private let bytes: [UInt8]

  /// - Parameter bytes: at least one.
  public init?(_ bytes: [UInt8]) {
    if bytes.isEmpty { return nil }
    self.bytes = bytes
  }

  /// Whether a field's value is `Bearer TOKEN` (RFC 6750, 2.1).
  func isShown(by authorization: [UInt8]) -> Bool {
    let scheme = Array("bearer ".utf8)
    guard authorization.count > scheme.count,
      zip(authorization, scheme).allSatisfy({ $0 | 0x20 == $1 | 0x20 })
    else { return false }
    return isEqual(to: authorization.dropFirst(scheme.count).drop { $0 == UInt8(ascii: " ") })
  }

  /// In a time that depends on what was sent alone: how much of it is right cannot be found out by the clock.
  private func isEqual(to other: ArraySlice<UInt8>) -> Bool {
    var difference = bytes.count ^ other.count
    for (index, byte) in other.enumerated() { difference |= Int(byte ^ bytes[index % bytes.count]) }
    return difference == 0
  }
}
