/// The fields that a route sets, adds and removes (`requestHeaders`, `responseHeaders`), put together once, when the
/// configuration is read, and asked for each message without an allocation.
///
/// What is set or removed is taken out in every spelling, with underscores for hyphens too, and whether it came from the
/// client or would have been written by this program; then what is set and added is written.
public final class FieldEdits: Sendable {
  public struct Edit: Equatable, Sendable {
    public enum Action: Equatable, Sendable {
      /// In place of all of that name.
      case set
      /// Beside what is there.
      case add
      case remove
    }

    public var action: Action
    public var name: String
    /// Ignored by `remove`.
    public var value: String

    public init(_ action: Action, _ name: String, _ value: String = "") {
      self.action = action
      self.name = name
      self.value = value
    }
  }

  public enum Problem: Error, Equatable, Sendable {
    /// Not a token (RFC 9110, 5.1).
    case badName(String)
    /// A control character, or blanks around it.
    case badValue(name: String)
    /// A field that says where a message goes, how long it is or what becomes of the connection: written by this program
    /// alone.
    case reserved(String)
  }

  /// Names that cannot be edited.
  static let reserved: UInt64 =
    HopByHop.fields | KnownField.host.bit | KnownField.contentLength.bit | KnownField.trailer.bit
    | KnownField.expect.bit | KnownField.maxForwards.bit

  /// Known fields that are taken out.
  private let known: UInt64
  /// The lengths of the other names that are taken out, as a set of those below 64; longer ones are in bit 63.
  private let lengths: UInt64
  /// The other names, in lower case with hyphens, each behind its length in two bytes.
  private let names: [UInt8]
  /// Field lines to write, ready.
  private let lines: [UInt8]

  public init(_ edits: [Edit]) throws(Problem) {
    var known: UInt64 = 0
    var lengths: UInt64 = 0
    var names: [UInt8] = []
    var lines: [UInt8] = []
    for edit in edits {
      let name = Array(edit.name.utf8)
      let value = Array(edit.value.utf8)
      guard name.count <= 256, name.withUnsafeBytes(FieldText.isName) else { throw .badName(edit.name) }
      let field = name.withUnsafeBytes { KnownField.find($0) }
      guard Self.reserved & field.bit == 0 else { throw .reserved(edit.name) }
      if edit.action != .add {
        if field == .other || field == .xForwardedOther {
          lengths |= Self.lengthBit(name.count)
          names += [UInt8(name.count >> 8), UInt8(name.count & 255)] + name.map(Self.folded)
        } else {
          known |= field.bit
        }
      }
      if edit.action != .remove {
        guard value.count <= 16 << 10, value.withUnsafeBytes(FieldText.isValue) else {
          throw .badValue(name: edit.name)
        }
        lines += name + Array(": ".utf8) + value + Array("\r\n".utf8)
      }
    }
    self.known = known
    self.lengths = lengths
    self.names = names
    self.lines = lines
  }

  /// Whether a field of this name is set or removed, so that nobody else writes it.
  @inline(__always)
  func replaces(_ field: KnownField) -> Bool { known & field.bit != 0 }

  /// Whether a field of this name, in any spelling, is set or removed.
  @inline(__always)
  func replaces(_ field: KnownField, named name: UnsafeRawBufferPointer) -> Bool {
    if known & field.bit != 0 { return true }
    guard lengths & Self.lengthBit(name.count) != 0 else { return false }
    return isNamed(name)
  }

  @inline(__always)
  func appendLines(to writer: inout HeadWriter) {
    if !lines.isEmpty { lines.withUnsafeBytes { writer.append($0) } }
  }

  private func isNamed(_ name: UnsafeRawBufferPointer) -> Bool {
    names.withUnsafeBytes { names in
      var index = 0
      while index < names.count {
        let length = Int(names[index]) << 8 | Int(names[index + 1])
        index += 2
        if length == name.count {
          var offset = 0
          while offset < length, Self.folded(name[offset]) == names[index + offset] { offset += 1 }
          if offset == length { return true }
        }
        index += length
      }
      return false
    }
  }

  /// Small letters, and hyphens for underscores.
  @inline(__always)
  private static func folded(_ byte: UInt8) -> UInt8 { byte == 0x5F ? 0x2D : Byte.lowercased(byte) }

  @inline(__always)
  private static func lengthBit(_ count: Int) -> UInt64 { 1 << UInt64(min(count, 63)) }
}

extension FieldEdits.Problem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .badName(let name): "\"\(name)\" is not a field name: letters, digits and hyphens expected"
    case .badValue(let name): "the value of \(name) has a control character, or blanks around it"
    case .reserved(let name): "\(name) is written by the balancer itself and cannot be edited"
    }
  }
}
