import Base

/// What the parsers of addresses in Base take, as patterns (ECMA-262) for editors. A test holds them against each
/// other. What only arithmetic tells, such as the order of two ports, is left to the program.
enum AddressPattern {
  /// Where a listener waits: with `:8080`, all addresses; with `:8000-8010`, a range of ports.
  static let listen = "^(\(unix)|(\(host))?:\(port)(-\(port))?)$"
  /// Where a backend is.
  static let backend = "^(\(unix)|(\(host)):\(port))$"

  /// Where the admin server waits: with `:9900`, all addresses.
  static let admin = "^(\(unix)|(\(host))?:\(port))$"

  /// A block of addresses, or a lone one.
  static let cidr =
    "^(\(ipv4)(/(3[0-2]|[12]?[0-9]))?|(\(ipv6))(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$"
  /// The local address of outgoing connections, without a port.
  static let source = "^(client|\(ipv4)|\(ipv6))$"
  /// A server name, or all names below one.
  static let sni = "^\(wideName)$"
  /// The hosts of a route: server names, and addresses as a URI has them.
  static let hostPattern = "^(\(wideName)|\(ipv4)|\\[(\(ipv6))\\])$"
  /// A host with or without a port, as the Host field has it; no anchors.
  static let authority =
    "(\\[(\(ipv6))\\]|(?=[^:]{1,253}(:|$))[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*)(:\(port))?"

  /// What `authority` matches.
  static func isAuthority(_ text: String) -> Bool {
    var host = text[...]
    if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
      let digits = text[text.index(after: colon)...].drop { $0 == "0" }.utf8
      guard digits.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(Substring(digits)),
        (1...65535).contains(port)
      else { return false }
      host = text[..<colon]
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      return host.contains(":") && IPAddress(String(host.dropFirst().dropLast())) != nil
    }
    return Array(host.utf8).withUnsafeBytes { HostName.lowercased($0) } != nil
  }

  private static let wideName =
    "(\\*\\.)?(?!\(ipv4)$)(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*"

  /// What a certificate is for: a host name or an address.
  static let serverName = "^(\(ipv4)|\(ipv6)|(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*)$"

  private static let unix = "unix:[^\\u0000]{1,107}"
  private static let port =
    "0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
  private static let host = "\\[(\(ipv6))\\]|\(ipv4)|\(name)"

  /// The last label of a name is no number: that would be a mistyped IPv4 address.
  private static let name = "(?=[^:]{1,253}:)(\(label)\\.)*(?![0-9]+\\.?:)\(label)\\.?"
  private static let label = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"

  private static let octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
  private static let ipv4 = "\(octet)(\\.\(octet)){3}"

  private static let group = "[0-9A-Fa-f]{1,4}"

  /// RFC 4291, 2.2: eight groups, of which an IPv4 address may be the last two; one "::" stands for one group or more.
  private static let ipv6: String = {
    let whole = "(\(group):){6}(\(group):\(group)|\(ipv4))"
    let shortened = (0...7).map { before in
      let left = before == 0 ? "" : "\(group)(:\(group)){\(before - 1)}"
      switch 7 - before {
      case 0: return "\(left)::"
      case 1: return "\(left)::(\(group))?"
      case let after: return "\(left)::(\(group)(:\(group)){0,\(after - 1)}|(\(group):){0,\(after - 2)}\(ipv4))?"
      }
    }
    return ([whole] + shortened).joined(separator: "|")
  }()
}
