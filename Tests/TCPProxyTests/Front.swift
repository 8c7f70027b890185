import Balancing
import Base
import Logging
import Reactor

@testable import TCPProxy

/// Workers with one listener before the servers of one pool, in this process.
final class Front {
  let group: WorkerGroup
  let pool: Pool
  let backends: [Backend]
  let address: SocketAddress
  private var isStopped = false

  init(
    _ servers: [SocketAddress], workers: Int = 1, scheduler: SchedulerKind = .roundRobin, connections: Int = 0,
    _ configure: (inout Destination.Settings) -> Void
  ) throws {
    backends = servers.map { Backend(pool: "web", name: "\($0)", address: $0) }
    pool = Pool(
      name: "web", scheduler: scheduler,
      members: backends.map { Member(backend: $0, connections: connections) }, initialHealth: { _ in .up })
    group = try WorkerGroup(
      count: workers, admission: Admission(maximum: 10_000), incidents: Incidents(onFirst: {}),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onDrained: {})
    let sockets = try ListeningSocket.open(.ip(.loopbackIPv4, port: 0), count: 1, backlog: 1024)
    address = SocketIO.localAddress(of: sockets[0].number)!
    try group.start()
    let destination = Self.destination(pool, configure)
    group.keepSpares([SpareOrder(destination, backends)].compactMap { $0 })
    group.open(
      0, sockets: sockets,
      service: Service(listener: "web", counters: ListenerCounters(), destination: destination))
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
    group.replace(0, service: Service(listener: "web", counters: ListenerCounters(), destination: destination))
  }

  /// As a verdict does.
  func setHealth(_ health: BackendHealth, of backend: Int) {
    pool.setHealth(health, of: backends[backend])
    group.poolChanged(pool)
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
