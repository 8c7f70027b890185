import Balancing
import Base
import Logging
import Reactor

/// The event loop of the health checker's thread: starts probes when they are due, and lets each backend's
/// `HealthTracker` draw the conclusions.
struct ProbeLoop: ~Copyable {
  /// A backend under check.
  struct Subject: ~Copyable {
    let backend: Backend
    var settings: HealthSettings
    var isWatched: Bool
    var tracker: HealthTracker
    var probe: TCPProbe?
    /// Of the next probe, or the deadline of the one that runs.
    var timer = Timer.none
    /// Only the first check of all is out of step.
    var isFirst = true
  }

  private static var mailboxWord: UInt64 { .max }

  private let checker: HealthChecker
  private let poller: Poller
  private var timers: TimerWheel<Handle>
  private var subjects = Slab<Subject>(chunkSize: 64)
  private var handles: [ObjectIdentifier: Handle] = [:]
  private var random: SeededGenerator
  private var now: Instant
  private var isStopped = false

  init(checker: HealthChecker) throws(SystemError) {
    let poller = try Poller(capacity: 64)
    try poller.add(checker.mailbox.descriptor, .readable, token: Self.mailboxWord)
    self.init(checker: checker, poller: poller, now: Clock.now)
  }

  private init(checker: HealthChecker, poller: consuming Poller, now: Instant) {
    self.checker = checker
    self.poller = poller
    self.now = now
    timers = TimerWheel(now: now)
    random = SeededGenerator(seed: checker.seed)
  }

  mutating func run() {
    while !isStopped {
      let count = poller.wait(timeout: Poller.timeout(until: timers.nextDeadline, now: Clock.now))
      now = Clock.now
      for index in 0..<count {
        let (word, readiness) = poller.event(at: index)
        if word == Self.mailboxWord {
          readMailbox()
        } else {
          probeEvent(Handle(word: word), readiness)
        }
      }
      while let handle = timers.popExpired(now: now) { timerFired(handle) }
    }
  }

  private mutating func readMailbox() {
    for message in checker.mailbox.take() {
      switch message {
      case .configure(let targets): configure(targets)
      case .stop: isStopped = true
      }
    }
  }

  private mutating func configure(_ targets: [HealthTarget]) {
    var gone = handles
    for target in targets {
      let identifier = ObjectIdentifier(target.backend)
      gone[identifier] = nil
      if let handle = handles[identifier], let subject = subjects.pointer(to: handle) {
        let isSlower = subject.pointee.settings.interval != target.settings.interval
        subject.pointee.settings = target.settings
        subject.pointee.isWatched = target.isWatched
        // A new interval holds from now on, not after the old one.
        if isSlower, subject.pointee.probe == nil { schedule(handle, subject, startedAt: now) }
        continue
      }
      let handle = subjects.insert(
        Subject(
          backend: target.backend, settings: target.settings, isWatched: target.isWatched,
          tracker: HealthTracker(initial: target.settings.initial, now: now), probe: nil))
      handles[identifier] = handle
      guard let subject = subjects.pointer(to: handle) else { continue }
      if target.settings.initial == .checking {
        start(handle, subject)
      } else {
        subject.pointee.isFirst = false
        let delay = ProbeSchedule.spread(interval: target.settings.interval, random: random.next())
        subject.pointee.timer = timers.schedule(handle, at: now + delay)
      }
    }
    for (identifier, handle) in gone {
      handles[identifier] = nil
      if let subject = subjects.remove(handle) { timers.cancel(subject.timer) }
    }
  }

  // MARK: One probe

  private mutating func start(_ handle: Handle, _ subject: UnsafeMutablePointer<Subject>) {
    // To the microsecond: its time goes into the log.
    let startedAt = Clock.now
    switch Connecting.to(subject.pointee.backend.address) {
    case .connected(let socket):
      subject.pointee.probe = TCPProbe(socket: socket, startedAt: startedAt)
      finish(handle, subject, nil)
    case .underway(let socket):
      let number = socket.number
      subject.pointee.probe = TCPProbe(socket: socket, startedAt: startedAt)
      do throws(SystemError) {
        try poller.add(number, [.writable, .edgeTriggered], token: handle.word)
        subject.pointee.timer = timers.schedule(handle, at: startedAt + subject.pointee.settings.timeout)
      } catch {
        skip(handle, subject, error)
      }
    case .failed(let error):
      if error.isExhaustion {
        skip(handle, subject, error)
      } else {
        subject.pointee.probe = TCPProbe(socket: .none, startedAt: startedAt)
        finish(handle, subject, .refused(error))
      }
    }
  }

  /// We could not even ask: that says nothing about the backend.
  private mutating func skip(_ handle: Handle, _ subject: UnsafeMutablePointer<Subject>, _ error: SystemError) {
    checker.report(subject.pointee.backend, .skipped(error))
    subject.pointee.probe = nil
    timers.cancel(subject.pointee.timer)
    subject.pointee.timer = timers.schedule(handle, at: now + subject.pointee.settings.interval)
  }

  private mutating func probeEvent(_ handle: Handle, _ readiness: Readiness) {
    guard let subject = subjects.pointer(to: handle), let socket = subject.pointee.probe?.socket.number else { return }
    finish(handle, subject, SocketIO.takeError(of: socket, "connect").map { .refused($0) })
  }

  private mutating func timerFired(_ handle: Handle) {
    guard let subject = subjects.pointer(to: handle) else { return }
    subject.pointee.timer = .none
    if subject.pointee.probe == nil {
      start(handle, subject)
    } else {
      finish(handle, subject, .noAnswer(within: subject.pointee.settings.timeout))
    }
  }

  private mutating func finish(
    _ handle: Handle, _ subject: UnsafeMutablePointer<Subject>, _ cause: TCPProbe.Cause?
  ) {
    let end = Clock.now
    let startedAt = subject.pointee.probe?.startedAt ?? end
    subject.pointee.probe = nil
    let took = end - startedAt
    let result: ProbeResult =
      if let cause { .failed(cause.failure(took: took)) } else { .passed(took: took) }
    if subject.pointee.isWatched { checker.report(subject.pointee.backend, .watched(isPassed: result.isPassed)) }
    if let transition = subject.pointee.tracker.handle(result, settings: subject.pointee.settings, now: end) {
      checker.report(subject.pointee.backend, .changed(transition))
    } else if case .failed(let failure) = result, checker.logger.logLevel <= .debug {
      let tracker = subject.pointee.tracker
      checker.report(
        subject.pointee.backend,
        .failed(
          failure, health: tracker.health, streak: tracker.streak, needed: tracker.needed(subject.pointee.settings)))
    }
    schedule(handle, subject, startedAt: startedAt)
  }

  private mutating func schedule(
    _ handle: Handle, _ subject: UnsafeMutablePointer<Subject>, startedAt: Instant
  ) {
    timers.cancel(subject.pointee.timer)
    let interval = subject.pointee.tracker.nextInterval(subject.pointee.settings)
    let delay: Duration
    if subject.pointee.isFirst, interval == subject.pointee.settings.interval {
      subject.pointee.isFirst = false
      delay = ProbeSchedule.spread(interval: interval, random: random.next())
    } else {
      delay = ProbeSchedule.delay(interval: interval, random: random.next())
    }
    subject.pointee.timer = timers.schedule(handle, at: max(startedAt + delay, now))
  }
}

extension Handle {
  fileprivate var word: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

  fileprivate init(word: UInt64) {
    self.init(slot: UInt32(truncatingIfNeeded: word), generation: UInt32(truncatingIfNeeded: word >> 32))
  }
}
