import Base

/// Finds the client behind proxies that are trusted: it walks the chain of addresses from our side, the right, and stops at
/// the first that nobody trusted vouches for. What stands further left may be the client's own invention.
///
/// The fields are handed over last line first, because each proxy adds at the end:
///
///     var walk = ForwardedAddress(peer: peer, trusted: trusted)
///     while walk.isOpen, let line = nextLineFromTheBack() { walk.read(line, .forwardedFor, trusted: trusted) }
///     walk.client
public struct ForwardedAddress: Sendable, BitwiseCopyable {
  public enum Field: Sendable {
    /// X-Forwarded-For: addresses, with or without a port.
    case forwardedFor
    /// Forwarded (RFC 7239).
    case forwarded
  }

  /// Hops that are walked in all; chains of honest proxies have two or three.
  public static let mostHops = 32
  /// Bytes of one line that are read, counted from its end.
  public static let longestLine = 4096

  /// The address nearest to the client that can be believed; the peer's own where it is not trusted.
  public private(set) var client: IPAddress
  /// All hops so far are trusted proxies: a line further to the front may say who was before them.
  public private(set) var isOpen: Bool
  private var hops = 0

  /// - Parameters:
  ///   - peer: who is connected to us.
  ///   - trusted: the proxies whose word counts; of none, nothing is believed.
  public init(peer: IPAddress, trusted: borrowing PrefixSet) {
    client = peer
    isOpen = trusted.contains(peer)
  }

  /// Walks one line. An element that is no address (`unknown`, `_hidden`, nonsense) ends the walk: whoever added it is the
  /// last who is known.
  public mutating func read(_ line: UnsafeRawBufferPointer, _ field: Field, trusted: borrowing PrefixSet) {
    guard isOpen else { return }
    var rest = line
    var isCut = false
    if rest.count > Self.longestLine {
      rest = UnsafeRawBufferPointer(rebasing: rest.suffix(Self.longestLine))
      isCut = true
    }
    while isOpen {
      guard let comma = Self.lastComma(rest, quoted: field == .forwarded) else {
        // The first element of a line that was cut may have lost its beginning.
        if isCut { isOpen = false } else { step(rest, field, trusted) }
        return
      }
      step(UnsafeRawBufferPointer(rebasing: rest[(comma + 1)...]), field, trusted)
      rest = UnsafeRawBufferPointer(rebasing: rest[..<comma])
    }
  }

  private mutating func step(_ element: UnsafeRawBufferPointer, _ field: Field, _ trusted: borrowing PrefixSet) {
    let text = Self.trimmed(element)
    // Empty elements of a list count for nothing (RFC 9110, 5.6.1.2), but take their share of the walk.
    hops += 1
    guard hops <= Self.mostHops else {
      isOpen = false
      return
    }
    if text.isEmpty { return }
    let node = field == .forwarded ? Self.forNode(text) : text
    guard let node, let address = Self.address(node) else {
      isOpen = false
      return
    }
    client = address
    isOpen = trusted.contains(address)
  }

  // MARK: Text

  private static func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var range = 0..<text.count
    while !range.isEmpty, text[range.lowerBound] == 0x20 || text[range.lowerBound] == 0x09 {
      range = range.lowerBound + 1..<range.upperBound
    }
    while !range.isEmpty, text[range.upperBound - 1] == 0x20 || text[range.upperBound - 1] == 0x09 {
      range = range.lowerBound..<range.upperBound - 1
    }
    return UnsafeRawBufferPointer(rebasing: text[range])
  }

  /// The last comma outside quotes. A quote opens and closes alike when read backwards; escaped ones, which no address
  /// needs, are taken for the end of a string, so that what a client wrote can hide at most itself.
  private static func lastComma(_ text: UnsafeRawBufferPointer, quoted: Bool) -> Int? {
    var isInside = false
    for index in text.indices.reversed() {
      switch text[index] {
      case UInt8(ascii: "\"") where quoted: isInside.toggle()
      case UInt8(ascii: ",") where !isInside: return index
      default: break
      }
    }
    return nil
  }

  /// The value of `for` in `for=192.0.2.60;proto=http;by=203.0.113.43`; nil where there is none, or two.
  private static func forNode(_ element: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var node: UnsafeRawBufferPointer?
    var start = 0
    while start < element.count {
      var end = start
      var isInside = false
      while end < element.count, isInside || element[end] != UInt8(ascii: ";") {
        if element[end] == UInt8(ascii: "\"") { isInside.toggle() }
        end += 1
      }
      if isInside { return nil }
      let pair = trimmed(UnsafeRawBufferPointer(rebasing: element[start..<end]))
      if pair.count > 4, pair[0] | 0x20 == UInt8(ascii: "f"), pair[1] | 0x20 == UInt8(ascii: "o"),
        pair[2] | 0x20 == UInt8(ascii: "r"), pair[3] == UInt8(ascii: "=")
      {
        if node != nil { return nil }
        var value = UnsafeRawBufferPointer(rebasing: pair[4...])
        if value.first == UInt8(ascii: "\"") {
          guard value.count >= 2, value.last == UInt8(ascii: "\"") else { return nil }
          value = UnsafeRawBufferPointer(rebasing: value[1..<value.count - 1])
        }
        node = value
      }
      start = end + 1
    }
    return node
  }

  /// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
  private static func address(_ node: UnsafeRawBufferPointer) -> IPAddress? {
    if node.first == UInt8(ascii: "[") {
      guard let close = node.firstIndex(of: UInt8(ascii: "]")) else { return nil }
      let port = node[(close + 1)...]
      guard port.isEmpty || isPort(UnsafeRawBufferPointer(rebasing: port)) else { return nil }
      return IPAddress(ipv6Text: UnsafeRawBufferPointer(rebasing: node[1..<close]))
    }
    if let colon = node.firstIndex(of: UInt8(ascii: ":")), !node[(colon + 1)...].contains(UInt8(ascii: ":")) {
      guard isPort(UnsafeRawBufferPointer(rebasing: node[colon...])) else { return nil }
      return IPAddress(ipv4Text: UnsafeRawBufferPointer(rebasing: node[..<colon]))
    }
    return IPAddress(text: node)
  }

  /// `:` and one to five digits, or a name that hides the port, such as `:_x7` (RFC 7239, 6.3).
  private static func isPort(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count >= 2, text[0] == UInt8(ascii: ":") else { return false }
    if text[1] == UInt8(ascii: "_") { return text.count > 2 }
    return text.count <= 6 && text[1...].allSatisfy { (0x30...0x39).contains($0) }
  }
}
