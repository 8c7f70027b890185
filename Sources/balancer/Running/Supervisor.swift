import Admin
import ArgumentParser
import Balancing
import Base
import Configuration
import Glibc
import Health
import Logging
import Reactor
import TCPProxy
import TLS
import Telemetry

/// The control thread: starts everything from the file, and answers signals, changes of health and whatever the
/// workers have to say. It is the one writer of pools, listeners and log settings.
struct Supervisor: ~Copyable {
  private enum Word: UInt64 {
    case signal, mailbox, answers
  }

  let file: ConfigurationFile
  var configuration: Configuration
  /// Descriptors that this process may have open.
  let descriptorLimit: Int
  let log: Log
  var accessLog: RunningAccessLog
  var pools: [String: RunningPool]
  var listeners: [String: RunningListener]
  /// What listeners name.
  var files: ListenerFiles
  var entrances: Entrances
  var admin: RunningAdmin
  /// What was said by hand of backends.
  var overrides = Overrides()
  /// What became of reloads, and who waits for the one that is under way.
  var reloads = ConfigurationStatus()
  var reloadWaiters: [AdminTicket] = []
  let trialChecks = TrialChecks()
  /// What rates and percentiles are made of.
  var windows: MeterWindows
  let startedAt: WallTime
  let started: Instant
  let admission: Admission
  let workers: WorkerGroup
  let checker: HealthChecker
  private let checkerThread: Reactor.Thread
  let incidents: Incidents
  private var incidentReporter: IncidentReporter
  var healthReporter: HealthReporter
  var suspicion = NetworkSuspicion()
  var tls: TLSContexts
  var upkeep: TLSUpkeep
  /// The host names of the backends.
  var names: NameBook
  let resolver: Resolver
  /// A reload that waits for answers to names.
  var awaited: Awaited?
  let mailbox: Mailbox<ControlMessage>
  private let signals: SignalSource
  private let poller: Poller
  private var drainEnd: Instant?
  private var exitStatus: Int32?

  /// Serves until a signal ends it.
  /// - Parameter keyLog: the file that the secrets of TLS are written to; nil, as it should be, is none.
  /// - Returns: the exit status. Whatever keeps it from starting is said on standard error.
  static func run(_ file: ConfigurationFile, keyLog: String? = nil) throws -> Int32 {
    SignalSource.ignoreBrokenPipes()
    let descriptorLimit = Machine.raiseDescriptorLimit()
    let configuration: Configuration
    let files: ListenerFiles
    do {
      configuration = try file.load()
      files = try ListenerFiles(configuration)
    } catch { throw fail(ExitStatus.configuration, "\(error)") }
    do {
      var upkeep = TLSUpkeep(keyLog: try keyLog.map { path throws(LogFileError) in try KeyLog(path) })
      try upkeep.prepare(for: configuration)
      let tls: TLSContexts
      do throws(ConfigurationErrors) {
        tls = try TLSContexts(configuration, former: nil, commons: upkeep.commons)
      } catch {
        throw fail(ExitStatus.configuration, "\(error)")
      }
      var supervisor = try Supervisor(file, configuration, files, descriptorLimit, tls, upkeep)
      return supervisor.loop()
    } catch let error as SystemError {
      throw fail(ExitStatus.system, "balancer: cannot start: \(error) in \(error.operation)")
    } catch let error as ExitCode {
      throw error
    } catch let error as HostLookup.Failure {
      throw fail(ExitStatus.configuration, "balancer: cannot start: \(error)")
    } catch {
      throw fail(ExitStatus.unavailable, "balancer: cannot start: \(error)")
    }
  }

  private init(
    _ file: ConfigurationFile, _ configuration: Configuration, _ files: ListenerFiles, _ descriptorLimit: Int,
    _ tls: TLSContexts, _ upkeep: TLSUpkeep
  ) throws {
    // Before the first thread: all of them inherit the mask.
    let signals = try SignalSource([SIGHUP, SIGTERM, SIGINT, SIGUSR1])
    let mailbox = try Mailbox<ControlMessage>()
    let poller = try Poller(capacity: 8)
    try poller.add(signals.descriptor, .readable, token: Word.signal.rawValue)
    try poller.add(mailbox.descriptor, .readable, token: Word.mailbox.rawValue)

    let resolver = try Resolver()
    try poller.add(resolver.descriptor, .readable, token: Word.answers.rawValue)
    var names = NameBook()
    names.add(configuration.hostNames)
    try resolver.answer(&names, interruption: signals.descriptor)

    let workerCount = configuration.workers.count
    var pools: [String: RunningPool] = [:]
    for pool in configuration.pools {
      pools[pool.name] = try RunningPool(
        pool, tls: tls, names: names, overrides: Overrides(), workers: workerCount, former: nil)
    }
    var listeners: [String: RunningListener] = [:]
    for listener in configuration.listeners {
      listeners[listener.name] = try RunningListener(
        listener, pools: pools, tls: tls, files: files, workers: workerCount, former: nil)
    }

    var warnings: [String] = []
    let inherited = InheritedSockets(environment: { getenv($0).map { String(cString: $0) } }, warnings: &warnings)
    var entrances = Entrances(inherited: inherited, workers: workerCount)
    let opened = try entrances.open(configuration.listeners.compactMap { listeners[$0.name] })
    entrances.adopt(opened)

    let incidents = Incidents(onFirst: { mailbox.post(.incident) })
    let server = try AdminServer(
      ask: { mailbox.post(.admin($0)) }, refuse: { incidents.add(.adminRefused, "admin", cause: $0) })
    let admin = RunningAdmin(server)
    let adminPlan = try admin.prepare(configuration, files)

    let log = try Log(configuration.log) { server.publish("health", $0) }
    let accessLog = try RunningAccessLog(configuration.log.access, workers: workerCount, logger: log.logger("access"))
    let admission = Admission(
      maximum: configuration.connectionLimit(workers: workerCount, descriptors: descriptorLimit))
    let workers = try WorkerGroup(
      count: workerCount, admission: admission, incidents: incidents, logger: log.logger("session"),
      hasKernelTLS: KernelTLS.obstacle == nil,
      onDrained: { mailbox.post(.drained) }, onOutcome: { mailbox.post(.outcome($0, cause: $1)) })
    let checker = try HealthChecker(seed: Clock.now.nanoseconds, logger: log.logger("health")) { target, report in
      mailbox.post(.health(target, report))
    }
    let checkerThread = try checker.start()
    try workers.start()

    self.file = file
    self.configuration = configuration
    self.descriptorLimit = descriptorLimit
    self.log = log
    self.accessLog = accessLog
    self.names = names
    self.resolver = resolver
    self.pools = pools
    self.listeners = listeners
    self.files = files
    self.entrances = entrances
    self.admin = admin
    startedAt = .now
    started = Clock.now
    windows = MeterWindows(now: started)
    reloads.file = file.path
    reloads.loadedAt = startedAt
    self.admission = admission
    self.workers = workers
    self.checker = checker
    self.checkerThread = checkerThread
    self.incidents = incidents
    incidentReporter = IncidentReporter(logger: log.logger("traffic"))
    healthReporter = HealthReporter(logger: log.logger("health"))
    self.tls = tls
    self.upkeep = upkeep
    self.mailbox = mailbox
    self.signals = signals
    self.poller = poller
    begin(opened, warnings, adminPlan)
  }

  private mutating func begin(
    _ opened: [Entrances.Entrance], _ warnings: [String], _ adminPlan: RunningAdmin.Plan
  ) {
    let logger = log.logger("start")
    let workerCount = workers.count
    logger.notice(
      """
      balancer \(Balancer.version) on \(workerCount) \(workerCount == 1 ? "worker" : "workers"), at most \
      \(admission.limit) connections (descriptor limit \(descriptorLimit)), configuration \(file.path)
      """)
    for warning in warnings + Self.unusedSockets(entrances) { logger.warning("\(warning)") }
    for warning in ConfigurationAdvice(configuration, workers: workerCount, descriptors: descriptorLimit).warnings {
      logger.warning("\(warning)")
    }
    setMemoryLimit()
    for warning in KernelAdvice.warnings(configuration) + files.warnings { logger.warning("\(warning)") }
    if let words = KernelAdvice.tls(configuration) { logger.info("\(words)") }
    Self.say(tls.warnings(configuration, &upkeep.expiry), most: 100) { logger.warning("\($0)") }
    if let keyLog = upkeep.keyLog {
      logger.warning(
        """
        --tls-key-log: the secrets of all TLS sessions are written to \(keyLog.path); whoever reads that can read all that \
        they carry
        """)
    }
    // Before anything happens that its readers want to know.
    if let warning = adminPlan.warning { logger.warning("\(warning)") }
    openAdmin(adminPlan)
    watchTLS()
    sayFirstAnswers()
    for pool in configuration.pools { sayUnresolved(pool.name) }
    checker.configure(healthTargets)
    workers.keepSpares(spareOrders)
    if configuration.log.access != nil { accessLog.hand(to: workers) }
    for entrance in opened { open(entrance, logger) }
    logger.notice("ready")
  }

  /// The admin server goes by a plan from now on.
  mutating func openAdmin(_ plan: RunningAdmin.Plan) {
    let logger = log.logger("admin")
    do throws(SystemError) {
      for address in try admin.adopt(plan) { logger.notice("admin server on \(address)") }
    } catch {
      logger.error("there is no admin server: \(error) in \(error.operation)")
    }
  }

  /// What the program itself takes leaves the rest of `limits.memory` to the sessions.
  func setMemoryLimit() {
    admission.memoryLimit = configuration.limits.memory.map { max(0, $0.bytes - Self.ownMemory) } ?? .max
  }

  /// Resident without sessions (measured: 12 MiB), with a read buffer for each of a few workers.
  private static var ownMemory: Int { 12 << 20 }

  private static func unusedSockets(_ entrances: Entrances) -> [String] {
    entrances.unused.map { entry in
      let address = entry.address.map { "\($0)" } ?? "an unknown address"
      return
        "the inherited socket on \(address) (\(entry.name ?? "without a name")) belongs to no listener; it is not used"
    }
  }

  var healthTargets: [HealthTarget] {
    let isSuspected = suspicion.since != nil
    return configuration.pools.flatMap { pools[$0.name]?.healthTargets(areWatched: isSuspected) ?? [] }
  }

  /// The spare connections that pools want with `prewarm`.
  var spareOrders: [SpareOrder] {
    let used = Set(configuration.listeners.flatMap(\.pools))
    return configuration.pools.compactMap { used.contains($0.name) ? pools[$0.name] : nil }
      .compactMap { SpareOrder($0.destination, $0.backends) }
  }

  /// Hands an entrance to the workers.
  func open(_ entrance: Entrances.Entrance, _ logger: Logger) {
    guard let listener = Entrances.owner(of: entrance, among: Array(listeners.values)) else { return }
    for socket in entrance.sockets { listener.setOptions(of: socket) }
    workers.open(entrance.key, sockets: entrance.sockets, service: listener.service)
    logger.notice(
      """
      listener \(listener.configuration.name) on \(entrance.address)\(entrance.isInherited ? " (inherited)" : "") → \
      \(listener.configuration.pools.map { "pool \($0)" }.joined(separator: ", "))
      """)
  }

  // MARK: The loop

  private mutating func loop() -> Int32 {
    while exitStatus == nil {
      let deadline = [
        incidentReporter.restUntil, healthReporter.nextTick, nextJudgement, upkeep.next, names.nextDue, awaited?.end,
        drainEnd, windows.next,
      ]
      .compactMap { $0 }.min()
      let count = poller.wait(timeout: Poller.timeout(until: deadline, now: Clock.now))
      for index in 0..<count {
        switch Word(rawValue: poller.event(at: index).token) {
        case .signal: while let signal = signals.take() { handle(signal: signal) }
        case .mailbox: for message in mailbox.take() { handle(message) }
        case .answers: takeAnswers(now: Clock.now)
        case nil: break
        }
      }
      let now = Clock.now
      if let end = incidentReporter.restUntil, end <= now { incidentReporter.report(incidents, now: now) }
      sampleMeters(now: now)
      judge(now: now)
      tendTLS(now: now)
      lookUpNames(now: now)
      if let awaited, awaited.end <= now { endWait(awaited) }
      for backend in healthReporter.tick(now: now) { workers.closeSessions(of: backend) }
      if let end = drainEnd, end <= now { drainExpired() }
    }
    return finish()
  }

  private mutating func handle(signal: Int32) {
    switch signal {
    case SIGHUP:
      if drainEnd == nil { reload() }
    case SIGUSR1:
      log.reopen()
      accessLog.reopen()
      log.logger("log").notice("log file reopened")
    default:
      if drainEnd == nil { drain(signal == SIGINT ? "SIGINT" : "SIGTERM") } else { interrupted() }
    }
  }

  private mutating func handle(_ message: ControlMessage) {
    switch message {
    case .health(let target, .changed(let transition)): healthChanged(target, transition)
    case .health(let target, .failed(let failure, let health, let streak, let needed)):
      healthReporter.checkFailed(target, failure, health: health, streak: streak, needed: needed)
    case .health(let target, .watched(let isPassed)): checkEnded(target.backend, isPassed: isPassed)
    case .outcome(let backend, let cause): sessionsEnded(backend, cause: cause)
    case .health(_, .skipped(let error)): incidents.add(.exhausted, Incidents.checks, cause: "\(error)")
    case .renewal(let generation, let renewal): renewed(generation: generation, renewal)
    case .admin(let question): answer(question)
    case .incident: incidentReporter.report(incidents, now: Clock.now)
    case .drained: if drainEnd != nil, admission.sessions.load(ordering: .acquiring) == 0 { drained() }
    }
  }

  // MARK: The end

  var isDraining: Bool { drainEnd != nil }

  private mutating func drain(_ signal: String) {
    let sessions = admission.sessions.load(ordering: .acquiring)
    publish(
      "drain", .notice,
      """
      \(signal): no longer accepting; \(sessions) open \(sessions == 1 ? "session has" : "sessions have") \
      \(configuration.shutdown.drain.text) to finish (a second signal stops at once)
      """, as: "stop"
    ) { _ in }
    drainEnd = Clock.now + configuration.shutdown.drain
    awaited = nil
    abandonReload()
    entrances.letGo()
    workers.drain()
  }

  private mutating func drained() {
    if exitStatus != nil { return }
    log.logger("stop").notice("all sessions have finished")
    exitStatus = 0
  }

  private mutating func drainExpired() {
    let sessions = admission.sessions.load(ordering: .acquiring)
    log.logger("stop").warning(
      "\(sessions) \(sessions == 1 ? "session" : "sessions") cut: shutdown.drain is over")
    exitStatus = 0
  }

  private mutating func interrupted() {
    let sessions = admission.sessions.load(ordering: .acquiring)
    log.logger("stop").warning("second signal: \(sessions) \(sessions == 1 ? "session" : "sessions") cut")
    exitStatus = ExitStatus.interrupted
  }

  private mutating func finish() -> Int32 {
    checker.stop()
    workers.stop()
    workers.join()
    checkerThread.join()
    admin.finish()
    upkeep.watcher?.stop()
    upkeep.keyLog?.finish()
    entrances.removeFiles()
    accessLog.finish()
    log.finish()
    return exitStatus ?? 0
  }
}

extension WorkerCount {
  /// How many threads that is on this machine.
  var count: Int {
    switch self {
    case .automatic: Machine.usableProcessors
    case .fixed(let count): count
    }
  }
}
