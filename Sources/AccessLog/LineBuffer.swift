import Base

/// Lines of a log on their way out: bytes that are written over and over again.
struct LineBuffer {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int) { bytes.reserveCapacity(capacity) }

  mutating func clear() { bytes.removeAll(keepingCapacity: true) }

  mutating func put(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }

  mutating func put(_ number: UInt64) {
    let start = bytes.count
    var rest = number
    repeat {
      bytes.append(UInt8(truncatingIfNeeded: rest % 10) + 0x30)
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }

  /// With leading zeros.
  mutating func put(_ number: Int64, digits: Int) {
    var divisor: Int64 = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      bytes.append(UInt8(truncatingIfNeeded: number / divisor % 10) + 0x30)
      divisor /= 10
    }
  }

  /// Milliseconds to the microsecond, `12.345`.
  mutating func put(microseconds: UInt64) {
    put(microseconds / 1000)
    put(".")
    put(Int64(microseconds % 1000), digits: 3)
  }

  // Members of a JSON object: the name comes with its comma, quotes and colon. What is missing is left out.

  mutating func putMember(_ name: StaticString, _ text: AccessText) {
    if text.isMissing { return }
    put(name)
    putJSON(text)
  }

  mutating func putMember(_ name: StaticString, _ number: UInt64) {
    put(name)
    put(number)
  }

  mutating func putMember(_ name: StaticString, microseconds: UInt32?) {
    guard let microseconds else { return }
    put(name)
    put(microseconds: UInt64(microseconds))
  }

  mutating func put(_ address: IPAddress) {
    withUnsafeTemporaryAllocation(byteCount: IPAddress.textCapacity, alignment: 1) { buffer in
      let count = address.writeText(to: buffer)
      bytes.append(contentsOf: buffer[..<count])
    }
  }

  mutating func put(_ time: WallTime) { bytes.append(contentsOf: time.description.utf8) }

  /// As httpd escapes items of its log (ap_escape_logitem): `\"`, `\\`, C's letters for control characters, and `\xhh` for
  /// whatever is not printable ASCII. Nothing that comes out can end the item, the line, or command a terminal.
  mutating func putEscaped(_ text: AccessText, alsoSpaces: Bool = false) {
    for byte in text.bytes {
      switch byte {
      case UInt8(ascii: "\""): put("\\\"")
      case UInt8(ascii: "\\"): put("\\\\")
      case 0x08: put("\\b")
      case 0x0A: put("\\n")
      case 0x0D: put("\\r")
      case 0x09: put("\\t")
      case 0x0B: put("\\v")
      case 0x20 where alsoSpaces: put("\\x20")
      case 0x20...0x7E: bytes.append(byte)
      default:
        put("\\x")
        putHexadecimal(UInt32(byte), digits: 2)
      }
    }
    if text.isCut { put("...") }
  }

  /// A JSON string (RFC 8259, 7) in plain ASCII: the same text for every reader, and no direction marks in it. Bytes that are
  /// no UTF-8 become U+FFFD.
  mutating func putJSON(_ text: AccessText) {
    put("\"")
    var decoder = UTF8()
    var iterator = text.bytes.makeIterator()
    decoding: while true {
      switch decoder.decode(&iterator) {
      case .emptyInput: break decoding
      case .error: put("\\ufffd")
      case .scalarValue(let scalar):
        switch scalar.value {
        case 0x22: put("\\\"")
        case 0x5C: put("\\\\")
        case 0x0A: put("\\n")
        case 0x0D: put("\\r")
        case 0x09: put("\\t")
        case 0x20...0x7E: bytes.append(UInt8(truncatingIfNeeded: scalar.value))
        case 0x10000...:
          let pair = UTF16.encode(scalar)!
          for unit in pair { putUnit(UInt32(unit)) }
        default: putUnit(scalar.value)
        }
      }
    }
    if text.isCut { put("\\u2026") }
    put("\"")
  }

  private mutating func putUnit(_ unit: UInt32) {
    put("\\u")
    putHexadecimal(unit, digits: 4)
  }

  private mutating func putHexadecimal(_ number: UInt32, digits: Int) {
    for index in 0..<digits {
      let digit = UInt8(truncatingIfNeeded: number >> UInt32(4 * (digits - 1 - index)) & 0xF)
      bytes.append(digit < 10 ? digit + 0x30 : digit - 10 + 0x61)
    }
  }
}
