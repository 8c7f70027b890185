import Base
import Synchronization

/// How many requests a client, or whoever sends the same value of a header, may make: `rateLimit` of a route, and
/// `perClient.requests` of a listener.
///
/// Memory is fixed: a full table forgets whoever has not come for longest, who then has a full bucket again. The workers
/// share a table; its parts, by hash, have a lock each, which is held for some tens of nanoseconds.
public final class RateLimit: Sendable {
  /// Clients remembered: 3 MiB.
  public static let defaultCapacity = 65_536

  public struct Settings: Equatable, Sendable {
    public var rate: Rate
    /// Requests at once; nil is as many as the rate has.
    public var burst: Int?

    public init(_ rate: Rate, burst: Int? = nil) {
      self.rate = rate
      self.burst = burst
    }
  }

  public enum Answer: Equatable, Sendable {
    case admitted
    /// Seconds until the next one is: what Retry-After says (RFC 9110, 10.2.3). At least 1.
    case tooFast(retryAfter: Int)
  }

  /// Sixteen bytes: an address, or a hash that is as long.
  private struct Key: Equatable, BitwiseCopyable {
    let high: UInt64
    let low: UInt64
  }

  private final class Part: Sendable {
    let states: Mutex<States>
    init(capacity: Int) { states = Mutex(States(table: RecentTable(capacity: capacity))) }
  }

  private struct States: ~Copyable {
    var table: RecentTable<Key, Instant>
  }

  private static let partCount = 16

  public let settings: Settings
  private let limiter: RateLimiter
  private let parts: [Part]
  private let seed: UInt64

  /// - Parameter seed: a secret random word, or whoever knows it makes clients that collide.
  public init(_ settings: Settings, capacity: Int = defaultCapacity, seed: UInt64) {
    self.settings = settings
    self.seed = seed
    limiter = RateLimiter(settings.rate, burst: settings.burst)
    let share = min(max(capacity, 1), 1 << 26) / Self.partCount
    parts = (0..<Self.partCount).map { _ in Part(capacity: share + share / 4 + 8) }
  }

  /// Counts a request of a client, an IPv6 address by its /64: a network hands out no less. One that is refused counts
  /// for nothing.
  public func admit(_ client: IPAddress, now: Instant) -> Answer {
    let masked = client.isIPv4 ? client : IPAddress(high: client.high, low: 0)
    return admit(Key(high: masked.high, low: masked.low), hash: StableHash.of(masked, seed: seed), now: now)
  }

  /// Counts a request with a value of a header. Values are known by a hash of 128 bits with a secret seed.
  public func admit(_ value: UnsafeRawBufferPointer, now: Instant) -> Answer {
    let hash = StableHash.of(bytes: value, seed: seed)
    let other = StableHash.of(bytes: value, seed: ~seed)
    return admit(Key(high: hash, low: other), hash: hash, now: now)
  }

  private func admit(_ key: Key, hash: UInt64, now: Instant) -> Answer {
    let short = UInt32(truncatingIfNeeded: hash >> 32)
    let wait: Duration? = parts[Int(truncatingIfNeeded: hash) & (Self.partCount - 1)].states.withLock { states in
      guard
        let slot = states.table.find(key, hash: short)
          ?? states.table.insert(key, hash: short, value: RateLimiter.full)
      else { return nil }
      states.table.touch(slot)
      if limiter.take(from: &states.table[slot], now: now) { return nil }
      return limiter.wait(states.table[slot], now: now)
    }
    guard let wait else { return .admitted }
    return .tooFast(retryAfter: wait.retryAfter)
  }

  /// Bytes reserved, once and for all.
  public var memory: Int { parts.reduce(0) { sum, part in sum + part.states.withLock { $0.table.memory } } }
}
