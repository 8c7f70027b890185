/// A key as somebody presses it.
package enum Key: Equatable, Sendable {
  case character(Character)
  case enter, escape, tab, backspace, delete
  case up, down, left, right, home, end, pageUp, pageDown
  /// With Ctrl held: `c` for Ctrl-C.
  case control(Character)
  /// A sequence that means nothing here.
  case unknown
}

/// Bytes of a terminal to keys (ECMA-48, 5.4; xterm's control sequences), however they are cut.
///
/// An escape alone is a key, and the beginning of others: it is decided by what follows, or by nothing following for a
/// while, which `isWaiting` asks for and `giveUp` says.
package struct KeyDecoder: Sendable {
  /// Bytes of one sequence; longer ones are none.
  private static let longest = 32

  private var pending: [UInt8] = []

  package init() {}

  package var isWaiting: Bool { !pending.isEmpty }

  package mutating func take(_ bytes: some Sequence<UInt8>) -> [Key] {
    var keys: [Key] = []
    for byte in bytes {
      pending.append(byte)
      while let (key, count) = next() {
        pending.removeFirst(count)
        if let key { keys.append(key) }
      }
    }
    return keys
  }

  /// Nothing has followed: what has come is all.
  package mutating func giveUp() -> [Key] {
    defer { pending = [] }
    if pending.isEmpty { return [] }
    return pending == [0x1B] ? [.escape] : [.unknown]
  }

  /// The key at the start and the bytes that it took; nil until it is whole.
  private func next() -> (key: Key?, count: Int)? {
    guard let first = pending.first else { return nil }
    if first == 0x1B { return escape() }
    if first < 0x20 || first == 0x7F { return (Self.control(first), 1) }
    return character()
  }

  private static func control(_ byte: UInt8) -> Key {
    switch byte {
    case 0x0A, 0x0D: .enter
    case 0x09: .tab
    case 0x08, 0x7F: .backspace
    case 0x01...0x1A: .control(Character(Unicode.Scalar(byte + 0x60)))
    default: .unknown
    }
  }

  private func character() -> (key: Key?, count: Int)? {
    let length =
      switch pending[0] {
      case 0..<0x80: 1
      case 0xC2..<0xE0: 2
      case 0xE0..<0xF0: 3
      case 0xF0..<0xF5: 4
      default: 0
      }
    if length == 0 { return (.unknown, 1) }
    if pending.count < length {
      // A byte that goes on with nothing is none of a character.
      return pending.dropFirst().allSatisfy { $0 & 0xC0 == 0x80 } ? nil : (.unknown, pending.count - 1)
    }
    let text = String(decoding: pending[..<length], as: UTF8.self)
    guard let character = text.first, text.count == 1, character != "\u{FFFD}" else { return (.unknown, 1) }
    return (.character(character), length)
  }

  private func escape() -> (key: Key?, count: Int)? {
    guard pending.count > 1 else { return nil }
    switch pending[1] {
    case UInt8(ascii: "["): return sequence()
    case UInt8(ascii: "O"):
      guard pending.count > 2 else { return nil }
      return (Self.final(pending[2]), 3)
    // Twice: the first was the key.
    case 0x1B: return (.escape, 1)
    // With Alt held.
    default: return (.unknown, 2)
    }
  }

  /// CSI: parameters, intermediate bytes and a final one.
  private func sequence() -> (key: Key?, count: Int)? {
    guard let end = pending.dropFirst(2).firstIndex(where: { !(0x20...0x3F).contains($0) }) else {
      return pending.count < Self.longest ? nil : (.unknown, pending.count)
    }
    let parameters = pending[2..<end]
    guard pending[end] == UInt8(ascii: "~") else { return (Self.final(pending[end]), end + 1) }
    let number = parameters.prefix { (0x30...0x39).contains($0) }.reduce(0) { ($0 * 10 + Int($1 - 0x30)) % 1000 }
    let key: Key =
      switch number {
      case 1, 7: .home
      case 4, 8: .end
      case 3: .delete
      case 5: .pageUp
      case 6: .pageDown
      default: .unknown
      }
    return (key, end + 1)
  }

  private static func final(_ byte: UInt8) -> Key {
    switch byte {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "C"): .right
    case UInt8(ascii: "D"): .left
    case UInt8(ascii: "H"): .home
    case UInt8(ascii: "F"): .end
    default: .unknown
    }
  }
}
