/// The hosts that a route takes: `www.example.com`, `*.example.com`, or an address as a URI has it: `192.0.2.1`,
/// `[2001:db8::1]` (RFC 3986, 3.2.2). The port that a client asks for takes no part.
///
/// The star means what it means in an `SNIPattern`: one or more whole labels.
public struct HostPattern: Hashable, Sendable {
  /// In lower case, without the star and its dot; an IPv6 address in its shortest form (RFC 5952), in brackets.
  public let name: String
  public let isWildcard: Bool

  public init(parsing text: String) throws(SNIPattern.Malformed) {
    if text.hasPrefix("["), text.hasSuffix("]"), let address = IPAddress(String(text.dropFirst().dropLast())),
      text.contains(":")
    {
      (name, isWildcard) = ("[\(address.uriText)]", false)
    } else if let address = IPAddress(text) {
      guard !text.contains(":") else {
        throw SNIPattern.Malformed("has no brackets: write [\(address.uriText)], as a URI does")
      }
      (name, isWildcard) = (address.description, false)
    } else if text == "*" {
      throw SNIPattern.Malformed("takes every host: leave \"host\" out")
    } else {
      let pattern = try SNIPattern(parsing: text)
      (name, isWildcard) = (pattern.name, pattern.isWildcard)
    }
  }

  /// Whether every host that `other` takes is taken by this one.
  public func covers(_ other: HostPattern) -> Bool {
    if self == other { return true }
    return isWildcard && other.name.hasSuffix(".\(name)")
  }
}

extension HostPattern: CustomStringConvertible {
  /// As it is written in balancer.json, in lower case.
  public var description: String { isWildcard ? "*.\(name)" : name }
}

extension IPAddress {
  /// As it stands between the brackets of a URI: an IPv4 address in its mapped form.
  fileprivate var uriText: String { isIPv4 ? "::ffff:\(description)" : description }
}
