import Base

/// The spare connections of one backend in one worker: which of them are ready, which are on their way, and how many
/// more may be begun now. Pure: it knows handles and times, no sockets.
struct SpareShelf {
  /// How many are to be ready.
  var target: Int
  /// Connected and not yet handed out, the oldest first.
  private(set) var ready: [Handle] = []
  /// On their way.
  private(set) var connecting: [Handle] = []
  /// Connects that failed, and connections that the backend closed soon, since one was of use.
  private(set) var failures = 0
  /// Nothing is begun before.
  private(set) var restEnd = Instant.zero

  /// Connects under way at once, so that filling a shelf is no flood.
  static let connectsAtOnce = 4
  /// The rest after a failure; each one in a row doubles it up to the longest.
  static let firstRest: UInt64 = 10_000_000
  static let longestRest: UInt64 = 30_000_000_000
  /// A backend that closes a spare sooner does not want it: that counts as a failure.
  static let shortLife: UInt64 = 1_000_000_000
  /// Who waits longer than this may meet a server's time-out for clients that say nothing: many have a minute.
  static let longestLife: UInt64 = 30_000_000_000

  init(target: Int) { self.target = target }

  var count: Int { ready.count + connecting.count }

  /// How many may be begun now.
  func shortage(now: Instant) -> Int {
    if now < restEnd { return 0 }
    return max(0, min(target - count, Self.connectsAtOnce - connecting.count))
  }

  /// When to look again whether one can be begun; nil while an event will tell.
  func nextLook(now: Instant, pause: UInt64) -> Instant? {
    guard count < target else { return nil }
    if now < restEnd { return restEnd }
    return connecting.count < Self.connectsAtOnce ? now.later(pause) : nil
  }

  mutating func began(_ spare: Handle) { connecting.append(spare) }

  mutating func connected(_ spare: Handle) {
    connecting.removeAll { $0 == spare }
    ready.append(spare)
  }

  /// The oldest, for a session: what its server says first has arrived by now, and all are used before they expire.
  /// Its use says that the backend is well.
  mutating func take() -> Handle? {
    if ready.isEmpty { return nil }
    failures = 0
    return ready.removeFirst()
  }

  mutating func connectFailed(_ spare: Handle?, now: Instant) {
    if let spare { connecting.removeAll { $0 == spare } }
    fail(now: now)
  }

  /// The backend has closed one that was connected since `start`.
  mutating func closed(_ spare: Handle, since start: Instant, now: Instant) {
    forget(spare)
    if now < start.later(Self.shortLife) { fail(now: now) } else { failures = 0 }
  }

  /// One has waited long enough, and makes room for a fresh one.
  mutating func expired(_ spare: Handle) {
    forget(spare)
    failures = 0
  }

  /// Chooses one to be closed, as there are too many: the oldest, which would not live much longer.
  mutating func surrender() -> Handle? {
    if !ready.isEmpty { return ready.removeFirst() }
    return connecting.popLast()
  }

  /// All that went wrong was another time's: the backend is eligible again.
  mutating func forgive() {
    failures = 0
    restEnd = .zero
  }

  /// Begins nothing for so long.
  mutating func rest(_ nanoseconds: UInt64, now: Instant) { restEnd = max(restEnd, now.later(nanoseconds)) }

  private mutating func forget(_ spare: Handle) { ready.removeAll { $0 == spare } }

  private mutating func fail(now: Instant) {
    // Those that fail together failed once.
    if now < restEnd { return }
    rest(min(Self.longestRest, Self.firstRest << UInt64(min(failures, 20))), now: now)
    failures += 1
  }
}
