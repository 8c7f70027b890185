/// The fields of one head, in the order they came in.
///
/// A worker owns one for requests and one for responses, and every head is parsed into it anew: it grows to the largest
/// head it has seen, never past `HeadLimits.fields`, and allocates nothing from then on. A table holds ranges; whoever
/// asks for bytes gives the buffer that the head was parsed from. When a head must outlive the worker's buffer, keep
/// its bytes and parse it again: that is cheaper than keeping tables.
public struct FieldTable: ~Copyable {
  @usableFromInline var fields: UnsafeMutablePointer<Field>
  @usableFromInline var capacity: Int
  /// Fields in the table.
  public internal(set) var count = 0
  /// The known fields that are there and were not impostors: `KnownField.bit`.
  public internal(set) var present: UInt64 = 0
  /// Those that are there more than once.
  public internal(set) var repeated: UInt64 = 0
  /// Where each known field is for the first time, if it is present.
  @usableFromInline let firsts: UnsafeMutablePointer<UInt16>

  public init(capacity: Int = 64) {
    self.capacity = max(capacity, 8)
    fields = .allocate(capacity: self.capacity)
    firsts = .allocate(capacity: 64)
    firsts.initialize(repeating: 0, count: 64)
  }

  deinit {
    fields.deallocate()
    firsts.deallocate()
  }

  /// A field by its place, 0 and up.
  @inlinable
  public subscript(index: Int) -> Field {
    precondition(index >= 0 && index < count, "a field that is there")
    return fields[index]
  }

  @inlinable
  public func contains(_ known: KnownField) -> Bool { present & known.bit != 0 }

  /// Whether there are several of that name.
  @inlinable
  public func isRepeated(_ known: KnownField) -> Bool { repeated & known.bit != 0 }

  /// The first field of that name, impostors left out.
  @inlinable
  public func first(_ known: KnownField) -> Field? {
    contains(known) ? fields[Int(firsts[Int(known.rawValue)])] : nil
  }

  /// The value of the first field of that name.
  @inlinable
  public func value(of known: KnownField, in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    first(known).map { bytes[$0.value] }
  }

  /// The place of the next field of that name from `index` on; impostors left out. For fields that may come several
  /// times, such as Cookie and X-Forwarded-For:
  ///
  ///     var next = table.index(of: .cookie, from: 0)
  ///     while let index = next {
  ///       …
  ///       next = table.index(of: .cookie, from: index + 1)
  ///     }
  public func index(of known: KnownField, from index: Int) -> Int? {
    guard contains(known) else { return nil }
    var index = max(index, Int(firsts[Int(known.rawValue)]))
    while index < count {
      if fields[index].known == known, !fields[index].handling.contains(.impostor) { return index }
      if repeated & known.bit == 0 { return nil }
      index += 1
    }
    return nil
  }

  /// The place of the next field called `name`, in any case, from `index` on: for names that only a configuration
  /// knows.
  public func index(
    named name: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer, from index: Int = 0
  ) -> Int? {
    var index = index
    while index < count {
      let field = fields[index]
      if field.name.count == name.count, bytes[field.name].equalsIgnoringCase(name) { return index }
      index += 1
    }
    return nil
  }

  mutating func removeAll() {
    count = 0
    present = 0
    repeated = 0
  }

  @inline(__always)
  mutating func append(_ field: Field) {
    if count == capacity { grow() }
    (fields + count).initialize(to: field)
    if field.known != .other, !field.handling.contains(.impostor) {
      let bit = field.known.bit
      if present & bit == 0 {
        present |= bit
        firsts[Int(field.known.rawValue)] = UInt16(truncatingIfNeeded: count)
      } else {
        repeated |= bit
      }
    }
    count &+= 1
  }

  mutating func mark(_ handling: Field.Handling, at index: Int) { fields[index].handling.formUnion(handling) }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Field>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: fields, count: count)
    fields.deallocate()
    fields = larger
    capacity *= 2
  }
}
