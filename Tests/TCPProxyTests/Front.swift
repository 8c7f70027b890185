import Balancing
import Base
import Glibc
import Logging
import Reactor
import Synchronization

@testable import TCPProxy

/// Workers with one listener before the servers of one pool, in this process.
final class Front {
  let group: WorkerGroup
  let pool: Pool
  let backends: [Backend]
  let address: SocketAddress
  let counters: ListenerCounters
  private var isStopped = false
  /// Where a worker stands still: see `holdWorker`.
  private let gate: Gate
  private let incidents: Incidents
  private let deadEnd: SocketAddress

  init(
    _ servers: [SocketAddress], workers: Int = 1, scheduler: SchedulerKind = .roundRobin, connections: Int = 0,
    http: HTTPService? = nil, _ configure: (inout Destination.Settings) -> Void = { _ in },
    service configureService: (inout Service.Settings) -> Void = { _ in }
  ) throws {
    backends = servers.map { Backend(pool: "web", name: "\($0)", address: $0, workers: workers) }
    counters = ListenerCounters(workers: workers)
    pool = Pool(
      name: "web", scheduler: scheduler,
      members: backends.map { Member(backend: $0, connections: connections) }, workers: workers,
      initialHealth: { _ in .up })
    let gate = try Gate()
    self.gate = gate
    incidents = Incidents(onFirst: { gate.pass() })
    group = try WorkerGroup(
      count: workers, admission: Admission(maximum: 10_000), incidents: incidents,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onDrained: {})
    let sockets = try ListeningSocket.open(.ip(.loopbackIPv4, port: 0), count: 1, backlog: 1024)
    address = SocketIO.localAddress(of: sockets[0].number)!
    let others = try ListeningSocket.open(.ip(.loopbackIPv4, port: 0), count: 1, backlog: 1024)
    deadEnd = SocketIO.localAddress(of: others[0].number)!
    try group.start()
    let destination = Self.destination(pool, configure)
    group.keepSpares([SpareOrder(destination, backends)].compactMap { $0 })
    var settings = Service.Settings()
    settings.http = http
    configureService(&settings)
    group.open(
      0, sockets: sockets,
      service: Service(listener: "web", counters: counters, destination: destination, settings: settings))
    let nobody = Pool(
      name: "nobody", scheduler: .roundRobin, members: [], workers: workers, initialHealth: { _ in .up })
    group.open(
      1, sockets: others,
      service: Service(
        listener: "dead", counters: ListenerCounters(workers: workers), destination: Destination(pool: nobody)))
  }

  deinit { stop() }

  private static func destination(_ pool: Pool, _ configure: (inout Destination.Settings) -> Void) -> Destination {
    var settings = Destination.Settings()
    configure(&settings)
    return Destination(pool: pool, settings: settings)
  }

  /// As a reload does.
  func reload(_ configure: (inout Destination.Settings) -> Void) {
    let destination = Self.destination(pool, configure)
    group.keepSpares([SpareOrder(destination, backends)].compactMap { $0 })
    group.replace(
      0, service: Service(listener: "web", counters: ListenerCounters(workers: group.count), destination: destination))
  }

  /// As a verdict does.
  func setHealth(_ health: BackendHealth, of backend: Int) {
    pool.setHealth(health, of: backends[backend])
    group.poolChanged(pool)
  }

  /// Waits until the only worker has heard of all that has happened: a connection may stand, and be accepted, before
  /// it has.
  func settle() throws { try holdWorker {} }

  /// Makes the only worker stand still while `body` runs: what happens meanwhile it learns all together.
  func holdWorker(_ body: () throws -> Void) throws {
    _ = incidents.take()
    gate.close()
    defer { gate.open() }
    // A client that nobody can serve is an incident, and the worker tells of it itself.
    _ = try End(connectingTo: deadEnd)
    try gate.waitUntilReached()
    try body()
  }

  func client() throws -> End { try End(connectingTo: address) }

  /// Ends every session; whatever the workers had is closed after it.
  func stop() {
    if isStopped { return }
    isStopped = true
    group.stop()
    group.join()
  }
}

/// Lets threads pass, or makes them wait.
private final class Gate: Sendable {
  private let isClosed = Atomic<Bool>(false)
  private let reached: Mailbox<Void>
  private let opened: Mailbox<Void>

  init() throws {
    reached = try Mailbox()
    opened = try Mailbox()
  }

  func close() { isClosed.store(true, ordering: .sequentiallyConsistent) }

  func open() {
    isClosed.store(false, ordering: .sequentiallyConsistent)
    opened.post(())
  }

  func pass() {
    if !isClosed.load(ordering: .sequentiallyConsistent) { return }
    reached.post(())
    _ = wait(opened)
  }

  func waitUntilReached() throws {
    if !wait(reached) { throw TooLate(description: "no worker came to the gate") }
  }

  private func wait(_ mailbox: Mailbox<Void>) -> Bool {
    var look = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
    defer { _ = mailbox.take() }
    return poll(&look, 1, 10_000) == 1
  }
}
