/// The name of a route: `www.example.com`, or `*.example.com`.
///
/// The star stands for one or more whole labels: `*.example.com` takes `www.example.com` and `a.b.example.com`, and not
/// `example.com` itself. That is what NGINX's `server_name` and Envoy's `server_names` do, and what operators bring
/// along; certificates are stricter, whose star is one label (RFC 6125, 6.4.3).
public struct SNIPattern: Hashable, Sendable {
  /// In lower case, without the star and its dot.
  public let name: String
  public let isWildcard: Bool

  /// Why a text is no name of a route, in words that finish the sentence "`TEXT` …".
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
  }

  public init(parsing text: String) throws(Malformed) {
    isWildcard = text.hasPrefix("*.")
    let name = text.dropFirst(isWildcard ? 2 : 0)
    let bytes = Array(name.utf8)
    guard let valid = bytes.withUnsafeBytes({ HostName.lowercased($0) }) else {
      throw Self.fault(text, name: name)
    }
    guard bytes.withUnsafeBytes({ IPAddress(text: $0) }) == nil else {
      throw Malformed("is an address: clients name hosts only (RFC 6066)")
    }
    self.name = valid
  }

  private static func fault(_ text: String, name: Substring) -> Malformed {
    if name.contains("*") {
      return text == "*"
        ? Malformed("takes every name: leave the route out and let the listener's pool have them")
        : Malformed("has a star elsewhere than as its first label: write for example *.example.com")
    }
    if name.hasSuffix("."), name.utf8.count > 1 { return Malformed("ends in a dot: write \(text.dropLast())") }
    if name.utf8.contains(where: { $0 >= 0x80 }) {
      return Malformed("has letters outside ASCII: write the name as clients send it, xn--…")
    }
    if name.contains(":") { return Malformed("has a colon: a name has no port") }
    return Malformed("is not a host name")
  }
}

extension SNIPattern: CustomStringConvertible {
  /// As it is written in balancer.json, in lower case.
  public var description: String { isWildcard ? "*.\(name)" : name }
}
