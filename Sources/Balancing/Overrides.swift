import Base

/// What somebody has said of a backend by hand. It stands before what the file says, until it is taken back.
public struct Override: Equatable, Sendable {
  public enum State: String, Sendable {
    /// No new sessions.
    case drain
    /// No new sessions and no checks; what becomes of open ones the pool's `onRemove` says.
    case disable
  }

  public internal(set) var state: State?
  public internal(set) var weight: Int?
  /// Of the last change.
  public internal(set) var since: WallTime

  /// The weight that counts, where the file has `configured`.
  public func weight(configured: Int) -> Int { weight ?? configured }

  /// The weight that its pool goes by.
  public func effectiveWeight(configured: Int) -> Int { state == nil ? weight(configured: configured) : 0 }

  public var isDisabled: Bool { state == .disable }
}

/// All overrides, by what is left of a backend when a reload has exchanged everything else: the names of its pool and its
/// own.
public struct Overrides: Equatable, Sendable {
  public struct Key: Hashable, Comparable, Sendable {
    public let pool: String
    public let backend: String

    public init(pool: String, backend: String) {
      self.pool = pool
      self.backend = backend
    }

    public static func < (left: Key, right: Key) -> Bool {
      (left.pool, left.backend) < (right.pool, right.backend)
    }
  }

  private var overrides: [Key: Override] = [:]

  public init() {}

  public subscript(pool: String, backend: String) -> Override? {
    overrides[Key(pool: pool, backend: backend)]
  }

  /// In the order of their names.
  public var all: [(key: Key, override: Override)] {
    overrides.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// - Returns: whether that is a change.
  public mutating func set(_ state: Override.State?, of key: Key, now: WallTime) -> Bool {
    change(key, now: now) { $0.state = state }
  }

  /// - Returns: whether that is a change.
  public mutating func set(weight: Int?, of key: Key, now: WallTime) -> Bool {
    change(key, now: now) { $0.weight = weight.map { min(max($0, 0), Member.maximumWeight) } }
  }

  private mutating func change(_ key: Key, now: WallTime, _ body: (inout Override) -> Void) -> Bool {
    let former = overrides[key]
    var override = former ?? Override(since: now)
    body(&override)
    // An override of nothing is none.
    let isEmpty = override.state == nil && override.weight == nil
    if isEmpty ? former == nil : override == former { return false }
    override.since = now
    overrides[key] = isEmpty ? nil : override
    return true
  }

  /// Forgets those of backends that are not there any more.
  /// - Returns: whose they were, in order.
  public mutating func keep(where isThere: (Key) -> Bool) -> [Key] {
    let gone = overrides.keys.filter { !isThere($0) }.sorted()
    for key in gone { overrides[key] = nil }
    return gone
  }
}
