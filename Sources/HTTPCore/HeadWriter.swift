/// Writes a head into somebody's buffer, and never past its end: what does not fit is counted and left out.
///
/// Used by `RequestWriter` and `ResponseWriter`, and by itself for lines that are put together once, such as
/// a Set-Cookie that goes into `extra`.
public struct HeadWriter {
  public enum Outcome: Equatable, Sendable {
    case written(Int)
    /// There is not enough room: nothing of what is there may be sent. With a buffer of this size it will do.
    case needsRoom(Int)
  }

  private let room: UnsafeMutableRawBufferPointer
  /// Bytes so far, those without room included.
  private var count = 0

  public init(_ room: UnsafeMutableRawBufferPointer) { self.room = room }

  public var outcome: Outcome { count <= room.count ? .written(count) : .needsRoom(count) }

  @inline(__always)
  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    let start = count
    count &+= bytes.count
    guard count <= room.count, let source = bytes.baseAddress, let target = room.baseAddress else { return }
    (target + start).copyMemory(from: source, byteCount: bytes.count)
  }

  @inline(__always)
  public mutating func append(_ text: StaticString) { append(text.bytes) }

  public mutating func append(byte: UInt8) {
    if count < room.count { room[count] = byte }
    count &+= 1
  }

  public mutating func append(decimal number: UInt64) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var first = 20
    var rest = number
    repeat {
      first -= 1
      digits[first] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    for index in first..<20 { append(byte: digits[index]) }
  }

  /// A whole field line. A value with a control character in it would be a second field to whoever reads it, so this is
  /// for values that were parsed, or checked by `FieldText`.
  public mutating func appendField(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
    append(name)
    append(": ")
    append(value)
    append("\r\n")
  }

  public mutating func appendField(_ name: StaticString, decimal number: UInt64) {
    append(name)
    append(": ")
    append(decimal: number)
    append("\r\n")
  }

  /// A field as it came: its name and the value between blanks.
  @inline(__always)
  mutating func append(_ field: Field, of bytes: UnsafeRawBufferPointer) {
    append(bytes[field.name])
    append(": ")
    append(bytes[field.value])
    append("\r\n")
  }

  /// A field that lists what each on the way adds: all the values that came, on one line, and then a comma. The caller
  /// goes on with its own and a line end.
  mutating func beginList(
    _ name: StaticString, _ known: KnownField, of fields: borrowing FieldTable, in bytes: UnsafeRawBufferPointer
  ) {
    append(name)
    append(": ")
    var next = fields.index(of: known, from: 0)
    while let index = next {
      let value = bytes[fields[index].value]
      if !value.isEmpty {
        append(value)
        append(", ")
      }
      next = fields.index(of: known, from: index + 1)
    }
  }

  /// The trailers that are sent on, and the empty line that ends the body: what follows
  /// `ChunkedEncoder.beginTrailers`.
  public mutating func appendTrailers(_ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer) {
    for index in 0..<fields.count where TrailerSection.isForwarded(fields[index]) { append(fields[index], of: bytes) }
    append("\r\n")
  }
}
