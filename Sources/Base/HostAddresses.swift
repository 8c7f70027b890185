/// The addresses of a host name, in an order of their own: a name server that turns its answers around changes nothing,
/// and several balancers that ask different servers agree.
public struct HostAddresses: Equatable, Sendable {
  /// Of one name; the further ones are left out.
  public static let most = 64

  /// IPv4 first, in numerical order, each once.
  public let list: [IPAddress]
  /// How many there were above `most`.
  public let leftOut: Int

  /// Nil when there is none.
  ///
  /// `localhost` is 127.0.0.1 and ::1 in most hosts files, and hardly any server listens on both: of a name that has
  /// loopback addresses of both families, ::1 is left out.
  public init?(_ answer: [IPAddress]) {
    var all = Set(answer)
    if all.contains(where: { $0.isIPv4 && $0.isLoopback }) { all.remove(.loopbackIPv6) }
    if all.isEmpty { return nil }
    let ordered = all.sorted { ($0.isIPv4 ? 0 : 1, $0.high, $0.low) < ($1.isIPv4 ? 0 : 1, $1.high, $1.low) }
    list = Array(ordered.prefix(Self.most))
    leftOut = ordered.count - list.count
  }
}

extension HostAddresses: CustomStringConvertible {
  /// `10.0.0.1, 10.0.0.2`; of many the first ones.
  public var description: String {
    let shown = list.count <= 8 ? list[...] : list.prefix(7)
    let rest = list.count - shown.count
    return shown.map(\.description).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
      + (leftOut > 0 ? " (the first \(Self.most) of \(list.count + leftOut))" : "")
  }
}
