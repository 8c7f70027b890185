/// Which route takes a server name: of all that match, the first of the file. Immutable.
///
/// One pass over the name from its end hashes every tail of it on the way, so that a look-up costs one probe for each
/// label, however many routes there are.
public struct SNITable: Sendable {
  /// A pattern that no name can reach, because another before it takes all of them.
  public struct Unreachable: Equatable, Sendable {
    public let pattern: SNIPattern
    /// Indexes into the routes.
    public let route: Int
    public let takenBy: Int
  }

  private struct Slot: Sendable {
    var hash: UInt64 = 0
    /// Where the name stands in `names`.
    var start: UInt32 = 0
    /// 0 in a slot that is free.
    var count: UInt32 = 0
    var route: Int32 = 0
    var isWildcard = false
  }

  private var slots: [Slot]
  private var names: [UInt8] = []
  public private(set) var unreachable: [Unreachable] = []

  /// - Parameter routes: the patterns of each route, in the order of the file.
  public init(_ routes: [[SNIPattern]]) {
    let count = routes.reduce(0) { $0 + $1.count }
    var size = 8
    while size < 2 * count { size *= 2 }
    slots = Array(repeating: Slot(), count: size)
    for (route, patterns) in routes.enumerated() {
      for pattern in patterns { insert(pattern, route: route) }
    }
  }

  /// The index of the first route that takes `name`, which is in lower case.
  public func route(of name: String) -> Int? {
    var name = name
    return name.withUTF8 { find(UnsafeRawBufferPointer($0), isWildcard: false) }
  }

  /// - Parameter isWildcard: whether to look for who takes everything below `name` instead of `name` itself.
  private func find(_ name: UnsafeRawBufferPointer, isWildcard: Bool) -> Int? {
    var first = Int32.max
    var hash = Self.emptyHash
    var index = name.count
    while index > 0 {
      index -= 1
      if name[index] == UInt8(ascii: ".") {
        first = min(first, probe(name, from: index + 1, hash: hash, isWildcard: true))
      }
      hash = Self.extend(hash, by: name[index])
    }
    if !name.isEmpty { first = min(first, probe(name, from: 0, hash: hash, isWildcard: isWildcard)) }
    return first == .max ? nil : Int(first)
  }

  /// The route of the pattern that is the tail of `name` from `start` on, or `Int32.max`.
  private func probe(_ name: UnsafeRawBufferPointer, from start: Int, hash: UInt64, isWildcard: Bool) -> Int32 {
    var index = place(hash, isWildcard: isWildcard)
    while slots[index].count > 0 {
      let slot = slots[index]
      if slot.hash == hash, slot.isWildcard == isWildcard, Int(slot.count) == name.count - start,
        (0..<Int(slot.count)).allSatisfy({ names[Int(slot.start) + $0] == name[start + $0] })
      {
        return slot.route
      }
      index = (index + 1) & (slots.count - 1)
    }
    return .max
  }

  private mutating func insert(_ pattern: SNIPattern, route: Int) {
    let name = Array(pattern.name.utf8)
    if let takenBy = name.withUnsafeBytes({ find($0, isWildcard: pattern.isWildcard) }) {
      // A name that the same route has twice is no mistake worth a word.
      if takenBy != route { unreachable.append(Unreachable(pattern: pattern, route: route, takenBy: takenBy)) }
      return
    }
    let hash = name.reversed().reduce(Self.emptyHash) { Self.extend($0, by: $1) }
    var index = place(hash, isWildcard: pattern.isWildcard)
    while slots[index].count > 0 { index = (index + 1) & (slots.count - 1) }
    slots[index] = Slot(
      hash: hash, start: UInt32(names.count), count: UInt32(name.count), route: Int32(route),
      isWildcard: pattern.isWildcard)
    names += name
  }

  private func place(_ hash: UInt64, isWildcard: Bool) -> Int {
    // The upper half of a product depends on every bit of the hash.
    Int(truncatingIfNeeded: (hash ^ (isWildcard ? .max : 0)).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15).high)
      & (slots.count - 1)
  }

  /// FNV-1a, over the bytes from the last to the first.
  private static let emptyHash: UInt64 = 0xCBF2_9CE4_8422_2325
  private static func extend(_ hash: UInt64, by byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
}
