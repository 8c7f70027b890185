import Foundation

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers for the same seed.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }
}

/// A stream of bytes that can be checked from any place on: a seeded block, repeated.
struct ByteStream: Sendable {
  /// A prime, so that no size of a buffer divides it and every misplaced byte shows.
  private static let period = 1_000_003
  private let block: [UInt8]

  init(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let words = (0...Self.period / 8).map { _ in random.next() }
    block = words.withUnsafeBytes { Array($0.prefix(Self.period)) }
  }

  /// Sends the bytes from `start` to `end`.
  ///
  /// - Parameter progress: told of the place reached after each write.
  func send(
    from start: Int = 0, to end: Int, on socket: Socket, within limit: Duration = .seconds(120),
    progress: (Int) -> Void = { _ in }
  ) throws {
    var place = start
    let deadline = Deadline(in: limit)
    while place < end {
      let offset = place % Self.period
      let count = min(end - place, Self.period - offset)
      place += try block.withUnsafeBytes { bytes in
        try socket.sendSome(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]), deadline)
      }
      progress(place)
    }
  }

  /// Whether these bytes are those from `place` on.
  func matches(_ bytes: [UInt8], at place: Int) -> Bool {
    var index = 0
    while index < bytes.count {
      let offset = (place + index) % Self.period
      let count = min(bytes.count - index, Self.period - offset)
      let isEqual = block.withUnsafeBytes { block in
        bytes.withUnsafeBytes { memcmp(block.baseAddress! + offset, $0.baseAddress! + index, count) == 0 }
      }
      guard isEqual else { return false }
      index += count
    }
    return true
  }

  /// Receives the bytes from `start` on, to `end` or to the end of the stream, and returns the place reached.
  func receive(
    from start: Int = 0, to end: Int = .max, on socket: Socket, within limit: Duration = .seconds(120)
  ) throws -> Int {
    var place = start
    let deadline = Deadline(in: limit)
    var buffer = [UInt8](repeating: 0, count: 262_144)
    while place < end {
      let offset = place % Self.period
      let room = min(buffer.count, end - place, Self.period - offset)
      let count = try buffer.withUnsafeMutableBytes {
        try socket.receiveSome(UnsafeMutableRawBufferPointer(rebasing: $0[..<room]), deadline)
      }
      if count == 0 { break }
      let isEqual = block.withUnsafeBytes { memcmp($0.baseAddress! + offset, buffer, count) == 0 }
      guard isEqual else { throw Failure("a wrong byte between \(place) and \(place + count)") }
      place += count
    }
    return place
  }
}
