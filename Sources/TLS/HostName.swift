/// A DNS name in the one form in which TLS compares them: A-labels in lower case, without a final dot (RFC 9525, 6.3).
public struct HostName: Hashable, Sendable, CustomStringConvertible {
  public let description: String

  /// Bytes, without a final dot (RFC 1035, 2.3.4).
  static let longest = 253

  /// Labels of letters, digits, `-` and `_`, of at most 63 bytes each; nil for anything else, so nothing that compares
  /// equal holds a NUL, a star or a blank.
  public init?(_ text: some StringProtocol) {
    self.init(bytes: Array(text.utf8))
  }

  init?(bytes: some BidirectionalCollection<UInt8>) {
    let name = bytes.last == UInt8(ascii: ".") ? bytes.dropLast() : bytes[...]
    guard (1...Self.longest).contains(name.count) else { return nil }
    var lowered: [UInt8] = []
    lowered.reserveCapacity(name.count)
    var label = 0
    for byte in name {
      switch byte {
      case UInt8(ascii: "."):
        if label == 0 { return nil }
        label = -1
        lowered.append(byte)
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
        UInt8(ascii: "_"):
        lowered.append(byte)
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): lowered.append(byte | 0x20)
      default: return nil
      }
      label += 1
      if label > 63 { return nil }
    }
    if label == 0 { return nil }
    description = String(decoding: lowered, as: UTF8.self)
  }

  /// One that has been read before.
  fileprivate init(known description: String) { self.description = description }

  /// The name without its first label; nil for a name of one label.
  var parent: Substring? {
    guard let dot = description.utf8.firstIndex(of: UInt8(ascii: ".")) else { return nil }
    return description[description.utf8.index(after: dot)...]
  }
}

/// A name that a certificate is for: a host, or all hosts right below another (RFC 9525, 6.3).
public enum CertificateName: Hashable, Sendable, CustomStringConvertible {
  case exact(HostName)
  /// `*.` and this name.
  case wildcard(below: HostName)

  /// Reads a dNSName. A star must be the whole first label, with at least two labels behind it: `*`, `*.com`,
  /// `w*.example.com`, `a.*.example.com` name nothing.
  public init?(_ text: some StringProtocol) {
    let star = "*."
    if text.hasPrefix(star) {
      guard let parent = HostName(text.dropFirst(star.count)), parent.parent != nil else { return nil }
      self = .wildcard(below: parent)
    } else {
      guard let name = HostName(text) else { return nil }
      self = .exact(name)
    }
  }

  public func matches(_ name: HostName) -> Bool {
    switch self {
    case .exact(let own): own == name
    case .wildcard(let parent): name.parent.map { $0 == parent.description } ?? false
    }
  }

  public var description: String {
    switch self {
    case .exact(let name): name.description
    case .wildcard(let parent): "*.\(parent)"
    }
  }
}

/// Values by certificate name: an exact name is found before a wildcard.
struct NameTable<Value> {
  private var exact: [String: Value] = [:]
  private var wildcards: [String: Value] = [:]

  subscript(name: CertificateName) -> Value? {
    get {
      switch name {
      case .exact(let name): exact[name.description]
      case .wildcard(let parent): wildcards[parent.description]
      }
    }
    set {
      switch name {
      case .exact(let name): exact[name.description] = newValue
      case .wildcard(let parent): wildcards[parent.description] = newValue
      }
    }
  }

  /// The same names with other values.
  func map<Other>(_ transform: (CertificateName, Value) -> Other) -> NameTable<Other> {
    var table = NameTable<Other>()
    for (name, value) in exact { table.exact[name] = transform(.exact(HostName(known: name)), value) }
    for (name, value) in wildcards { table.wildcards[name] = transform(.wildcard(below: HostName(known: name)), value) }
    return table
  }

  func value(for name: HostName) -> Value? {
    if let value = exact[name.description] { return value }
    return wildcards.isEmpty ? nil : name.parent.flatMap { wildcards[String($0)] }
  }
}
