import Base
import Synchronization

/// One server of a pool, as everything that runs shares it.
///
/// What never changes is a constant; what counts is an atomic, or a cell of `meters`. The settings a reload may change (weight, limit,
/// backup) and the verdict of the checks belong to the `Pool`, which alone decides who is eligible.
public final class Backend: Sendable {
  public let pool: String
  public let name: String
  /// `.nowhere` while its host name cannot be resolved; another backend takes its place when it can.
  public let address: SocketAddress
  public let labels: [String: String]
  /// The stable hash of the name, the same in every process.
  public let nameHash: UInt64

  /// Sessions open now, over all workers. Only `Pool.pick` and `Pool.release` change it, under the pool's lock; anyone
  /// may read it.
  public let sessions = Atomic<Int>(0)
  /// Spare connections, over all workers: they wait for sessions and count for none. See `Pool.addSpare`.
  public let spares = Atomic<Int>(0)
  /// What was counted of it since the start.
  public let meters: Meters
  /// How its sessions fare, where that may eject it.
  public let outcomes = Outcomes()

  /// How its last check ended; nil before that.
  public let lastCheck = Mutex<LastCheck?>(nil)

  /// Where its pool may find it among the members; guarded by the pool's lock.
  let slot = Atomic<Int>(.max)

  /// - Parameter workers: how many count.
  public init(
    pool: String, name: String, address: SocketAddress, labels: [String: String] = [:], workers: Int = 1
  ) {
    meters = Meters(workers: workers, scale: .coarse)
    self.pool = pool
    self.name = name
    self.address = address
    self.labels = labels
    nameHash = StableHash.of(name)
  }

  /// False for one whose host name has no address yet: it is down and never picked.
  public var isResolved: Bool { address != .nowhere }

  /// - Returns: the sessions open after it.
  @discardableResult
  func countSession(_ difference: Int) -> Int {
    let count = sessions.wrappingAdd(difference, ordering: .relaxed).newValue
    assert(count >= 0, "a session was released twice")
    return count
  }
}

extension Backend {
  /// A spare that `Pool.addSpare` has counted is none any more: exactly once for each.
  public func removeSpare() {
    let count = spares.wrappingSubtract(1, ordering: .relaxed).newValue
    assert(count >= 0, "a spare was removed twice")
  }
}

extension Backend: CustomStringConvertible {
  /// As the log names it: `web/127.0.0.1:9001`, with the address behind it where the name is another.
  public var description: String {
    let address = self.address.description
    return name == address || !isResolved ? "\(pool)/\(name)" : "\(pool)/\(name) (\(address))"
  }
}
