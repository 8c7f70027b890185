import Balancing
import Base
import Logging
import Reactor
import TLS

/// The event loop of the health checker's thread: starts checks when they are due, and lets each backend's
/// `HealthTracker` draw the conclusions.
struct ProbeLoop: ~Copyable {
  /// A backend under check.
  struct Subject: ~Copyable {
    var target: HealthTarget
    var tracker: HealthTracker
    /// Of the target's check, with what it has learnt; nil for a script.
    var probe: (any Probe)?
    /// Of the check under way; nil between two checks.
    var startedAt: Instant?
    var connection: ProbeConnection?
    var script: ScriptRun?
    /// Of the next check, or the deadline of the one under way.
    var timer = Timer.none
    /// Only the first check of all is out of step.
    var isFirst = true

    init(_ target: HealthTarget, now: Instant) {
      self.target = target
      tracker = HealthTracker(initial: target.settings.initial, now: now)
      probe = target.check.makeProbe()
    }
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
  /// Scripts that did not end in time, and whose they were: at most one of each backend, and those of backends that are
  /// gone.
  private var killed: [(owner: Handle, script: Child.Killed)] = []
  /// How often the end of killed scripts is looked for, while there are any.
  private static var reapingInterval: Duration { .milliseconds(100) }

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
      now = Clock.now
      let reaping = killed.isEmpty ? nil : now + Self.reapingInterval
      let deadline = [timers.nextDeadline, reaping].compactMap { $0 }.min()
      let count = poller.wait(timeout: Poller.timeout(until: deadline, now: now))
      now = Clock.now
      reap()
      var hasMail = false
      for index in 0..<count {
        let word = poller.event(at: index).token
        if word == Self.mailboxWord { hasMail = true } else { probeEvent(Handle(word: word)) }
      }
      // Last: a check that begins here must not be taken for one that the events above are about.
      if hasMail { readMailbox() }
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
        reconfigure(handle, subject, target)
        continue
      }
      let handle = subjects.insert(Subject(target, now: now))
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
      if let subject = subjects.pointer(to: handle) { end(handle, subject) }
      _ = subjects.remove(handle)
    }
  }

  private mutating func reconfigure(
    _ handle: Handle, _ subject: UnsafeMutablePointer<Subject>, _ target: HealthTarget
  ) {
    let former = subject.pointee.target
    subject.pointee.target = target
    if former.check != target.check || former.address != target.address || former.tls !== target.tls {
      // What is under way would answer another question.
      end(handle, subject)
      subject.pointee.probe = target.check.makeProbe()
      start(handle, subject)
    } else if former.settings.interval != target.settings.interval, subject.pointee.startedAt == nil {
      // A new interval holds from now on, not after the old one.
      schedule(handle, subject, startedAt: now)
    }
  }

  // MARK: One check

  private mutating func start(_ handle: Handle, _ subject: UnsafeMutablePointer<Subject>) {
    // To the microsecond: its time goes into the log.
    subject.pointee.startedAt = Clock.now
    if case .script(let arguments) = subject.pointee.target.check {
      startScript(arguments, handle, subject)
    } else {
      connect(handle, subject)
    }
  }

  private mutating func connect(_ handle: Handle, _ subject: UnsafeMutablePointer<Subject>) {
    guard let probe = subject.pointee.probe else { return }
    let tls: ProbeTLS?
    do throws(TLSFailure) { tls = try ProbeTLS(subject.pointee.target.tls) } catch {
      skip(handle, subject, .outOfMemory("SSL_new"))
      return
    }
    switch Connecting.to(subject.pointee.target.address) {
    case .connected(let socket):
      let number = socket.number
      subject.pointee.connection = ProbeConnection(socket, isConnected: true, probe: probe, tls: tls)
      let progress = subject.pointee.connection?.begin()
      if case .underway = progress {
        watch([number], handle, subject)
      } else if let progress {
        proceed(handle, subject, progress)
      }
    case .underway(let socket):
      let number = socket.number
      subject.pointee.connection = ProbeConnection(socket, isConnected: false, probe: probe, tls: tls)
      watch([number], handle, subject)
    case .failed(let error):
      if error.isExhaustion {
        skip(handle, subject, error)
      } else {
        finish(handle, subject, .connection(error))
      }
    }
  }

  private mutating func startScript(
    _ arguments: [String], _ handle: Handle, _ subject: UnsafeMutablePointer<Subject>
  ) {
    reap()
    if killed.contains(where: { $0.owner == handle }) {
      finish(handle, subject, .script("the script of the check before was killed and has not ended yet"))
      return
    }
    do throws(SystemError) {
      let script = try ScriptRun(arguments, for: subject.pointee.target)
      let descriptors = script.descriptors
      subject.pointee.script = consume script
      watch(descriptors, handle, subject)
    } catch {
      if error.isProcessExhaustion {
        skip(handle, subject, error)
      } else {
        finish(handle, subject, .script("the script cannot be started: \(error)", errno: error.name))
      }
    }
  }

  /// Waits for what happens to the descriptors, until the check's time is over.
  private mutating func watch(
    _ descriptors: [Int32], _ handle: Handle, _ subject: UnsafeMutablePointer<Subject>
  ) {
    guard let startedAt = subject.pointee.startedAt else { return }
    do throws(SystemError) {
      for descriptor in descriptors { try poller.add(descriptor, .everyEdge, token: handle.word) }
      timers.cancel(subject.pointee.timer)
      subject.pointee.timer = timers.schedule(handle, at: startedAt + subject.pointee.target.settings.timeout)
    } catch {
      skip(handle, subject, error)
    }
  }

  private mutating func probeEvent(_ handle: Handle) {
    guard let subject = subjects.pointer(to: handle) else { return }
    if let progress = subject.pointee.connection?.advance() {
      proceed(handle, subject, progress)
    } else if let result = subject.pointee.script?.advance(), result.hasEnded {
      finish(handle, subject, result.cause)
    }
  }

  private mutating func proceed(
    _ handle: Handle, _ subject: UnsafeMutablePointer<Subject>, _ progress: ProbeConnection.Progress
  ) {
    switch progress {
    case .underway: break
    case .passed: finish(handle, subject, nil)
    case .failed(let cause): finish(handle, subject, cause)
    case .startOver:
      disconnect(subject)
      connect(handle, subject)
    }
  }

  private mutating func timerFired(_ handle: Handle) {
    guard let subject = subjects.pointer(to: handle) else { return }
    subject.pointee.timer = .none
    let timeout = subject.pointee.target.settings.timeout
    if let cause = subject.pointee.connection?.timeOut(timeout) ?? subject.pointee.script?.timeOut(timeout) {
      finish(handle, subject, cause)
    } else {
      start(handle, subject)
    }
  }

  /// We could not even ask: that says nothing about the backend.
  private mutating func skip(_ handle: Handle, _ subject: UnsafeMutablePointer<Subject>, _ error: SystemError) {
    let target = subject.pointee.target
    checker.report(target, .skipped(error))
    end(handle, subject)
    subject.pointee.timer = timers.schedule(handle, at: now + target.settings.interval)
  }

  /// - Parameter cause: nil for a check that has passed.
  private mutating func finish(
    _ handle: Handle, _ subject: UnsafeMutablePointer<Subject>, _ cause: ProbeCause?
  ) {
    let now = Clock.now
    let startedAt = subject.pointee.startedAt ?? now
    end(handle, subject)
    let took = now - startedAt
    let result: ProbeResult =
      if let cause { .failed(cause.failure(took: took)) } else { .passed(took: took) }
    let target = subject.pointee.target
    if target.isWatched { checker.report(target, .watched(isPassed: result.isPassed)) }
    let transition = subject.pointee.tracker.handle(result, settings: target.settings, now: now)
    let check = LastCheck(
      type: target.check.name, result: result, at: WallTime(nanosecondsSinceEpoch: Clock.wallNanoseconds),
      streak: subject.pointee.tracker.streak,
      needed: transition?.needed ?? subject.pointee.tracker.needed(target.settings))
    target.backend.lastCheck.withLock { $0 = check }
    if let transition {
      checker.report(target, .changed(transition))
    } else if case .failed(let failure) = result, checker.logger.logLevel <= .debug {
      let tracker = subject.pointee.tracker
      checker.report(
        target,
        .failed(failure, health: tracker.health, streak: tracker.streak, needed: tracker.needed(target.settings)))
    }
    schedule(handle, subject, startedAt: startedAt)
  }

  /// Ends the check under way, if there is one, without a result.
  private mutating func end(_ handle: Handle, _ subject: UnsafeMutablePointer<Subject>) {
    timers.cancel(subject.pointee.timer)
    subject.pointee.timer = .none
    subject.pointee.startedAt = nil
    disconnect(subject)
    if let script = subject.pointee.script.take(), let remains = script.kill() {
      killed.append((owner: handle, script: remains))
    }
  }

  private func disconnect(_ subject: UnsafeMutablePointer<Subject>) {
    if let probe = subject.pointee.connection?.probe { subject.pointee.probe = probe }
    subject.pointee.connection = nil
  }

  private mutating func reap() {
    if !killed.isEmpty { killed.removeAll { $0.script.isGone() } }
  }

  private mutating func schedule(
    _ handle: Handle, _ subject: UnsafeMutablePointer<Subject>, startedAt: Instant
  ) {
    timers.cancel(subject.pointee.timer)
    let settings = subject.pointee.target.settings
    let interval = subject.pointee.tracker.nextInterval(settings)
    let delay: Duration
    if subject.pointee.isFirst, interval == settings.interval {
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
