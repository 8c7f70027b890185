import Base

/// Who may connect to a listener: `deny` is read first; with `allow`, all else is refused.
public struct AccessList: Sendable {
  private let allowed: PrefixSet?
  private let denied: PrefixSet

  /// - Parameter allow: nil is everyone.
  public init(allow: [CIDR]? = nil, deny: [CIDR] = []) {
    allowed = allow.map { PrefixSet($0) }
    denied = PrefixSet(deny)
  }

  /// Whether nobody is refused.
  var isOpen: Bool { allowed == nil && denied.isEmpty }

  /// A client of a unix socket has no address and is let in: the file's permissions have judged it.
  func admits(_ address: IPAddress?) -> Bool {
    guard let address else { return true }
    if denied.contains(address) { return false }
    return allowed?.contains(address) ?? true
  }
}
