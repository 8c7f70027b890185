import Base

/// How much goes into the next TLS record.
///
/// A peer can use a record only when all of it has come. The first bytes after a start or a rest travel through a small
/// congestion window, so they go in small records, which arrive one by one; a bulk flow pays less for large ones.
struct RecordSizing {
  /// Three packets of an Ethernet: four such records go out in a first window of ten (RFC 6928).
  static let small = 4096
  /// The largest that there is (RFC 8446, 5.1).
  static let large = 16384
  /// After so many bytes without a rest the window is open.
  static let bulk: UInt32 = 64 << 10
  /// Silence after which the window counts as closed again.
  static let restNanoseconds: UInt64 = 1_000_000_000

  private var lastWrite: UInt64 = 0
  private var sinceRest: UInt32 = 0

  /// Begins a write; the answers to `next` hold for it.
  mutating func begin(now: Instant) {
    if now.nanoseconds &- lastWrite > Self.restNanoseconds { sinceRest = 0 }
    lastWrite = now.nanoseconds
  }

  /// The size of the next record of a write that has `count` bytes left.
  func next(_ count: Int) -> Int { min(count, sinceRest >= Self.bulk ? Self.large : Self.small) }

  mutating func wrote(_ count: Int) {
    if sinceRest < Self.bulk { sinceRest += UInt32(count) }
  }
}
