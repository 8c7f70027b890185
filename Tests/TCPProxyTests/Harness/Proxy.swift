import Balancing
import Base
import Foundation
import Logging
import TLS
import TLSFixtures

@testable import Reactor
@testable import TCPProxy

/// A group of workers with one listener and one pool.
final class Proxy {
  let group: WorkerGroup
  let admission = Admission(maximum: 100_000)
  let incidents = Incidents(onFirst: {})
  let counters: ListenerCounters
  let pool: Pool
  let backends: [Backend]
  let service: Service
  /// 0 where it listens on a unix socket.
  let port: UInt16
  private static let key = 1

  /// - Parameters:
  ///   - backends: the ports where they listen, and how TLS is spoken to each; nil is in the clear.
  ///   - isStarted: false for a test that runs the worker itself.
  init(
    _ servers: [(port: UInt16, peer: TLSPeer?)], tls: TLSServerContext? = nil, workers: Int = 1,
    scheduler: SchedulerKind = .roundRobin, path: String? = nil, isStarted: Bool = true,
    hasKernelTLS: Bool = false,
    _ change: (inout Service.Settings, inout Destination.Settings) -> Void = { _, _ in }
  ) throws {
    backends = servers.enumerated().map { index, server in
      Backend(
        pool: "app", name: "b\(index + 1)", address: .ip(IPAddress(ipv4: 0x7F00_0001), port: server.port),
        workers: workers)
    }
    pool = Pool(
      name: "app", scheduler: scheduler, members: backends.map { Member(backend: $0) }, workers: workers,
      initialHealth: { _ in .up })
    counters = ListenerCounters(workers: workers)
    var serviceSettings = Service.Settings()
    serviceSettings.tls = tls
    var destinationSettings = Destination.Settings()
    if servers.contains(where: { $0.peer != nil }) {
      destinationSettings.tls = TLSPeers(zip(backends, servers).map { ($0, $1.peer) })
    }
    change(&serviceSettings, &destinationSettings)
    let destination = Destination(pool: pool, settings: destinationSettings)
    service = Service(listener: "web", counters: counters, destination: destination, settings: serviceSettings)
    group = try WorkerGroup(
      count: workers, admission: admission, incidents: incidents,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, hasKernelTLS: hasKernelTLS,
      onDrained: {})
    let sockets = try Reactor.ListeningSocket.open(
      path.map { .unix($0) } ?? .ip(IPAddress(ipv4: 0x7F00_0001), port: 0), count: 1, backlog: 4096)
    if case .ip(_, let port)? = SocketIO.localAddress(of: sockets[0].number) { self.port = port } else { port = 0 }
    group.keepSpares([SpareOrder(destination, backends)].compactMap { $0 })
    group.open(Self.key, sockets: sockets, service: service)
    if isStarted { try group.start() }
  }

  deinit {
    group.stop()
    group.join()
  }

  /// A client in the clear.
  func connect(receiveBuffer: Int32? = nil) throws -> Peer {
    try Peer(connectingTo: port, receiveBuffer: receiveBuffer)
  }

  /// A client whose handshake is done.
  func connect(_ tls: TLSPeer, receiveBuffer: Int32? = nil) throws -> Peer {
    let peer = try connect(receiveBuffer: receiveBuffer)
    peer.start(try tls.makeEngine())
    try peer.handshake()
    return peer
  }

  var sessions: Int { counters.sessions.load(ordering: .acquiring) }
  var handshakes: Int { counters.handshakes.done.load(ordering: .relaxed) }

  /// All sessions are over, and nothing is left of them: no count, no byte of memory, no place, no socket.
  func waitUntilAtRest() throws {
    try waitUntil("all sessions have ended") { sessions == 0 }
    try waitUntil("no memory is held: \(admission.memoryInUse)") { admission.memoryInUse == 0 }
    try waitUntil("no backend counts a session") { backends.allSatisfy { $0.sessions.load(ordering: .relaxed) == 0 } }
    try waitUntil("no worker counts a session") { group.sessions.allSatisfy { $0 == 0 } }
    if port == 0 { return }
    try waitUntil("only the listener has a socket on port \(port): \(socketsOnPort)") { socketsOnPort.count == 1 }
  }

  /// The process's TCP sockets whose own address is the listener's, with the other end of each. Another test's socket may
  /// have the same port in UDP or at another address.
  private var socketsOnPort: [(number: Int32, peer: SocketAddress?)] {
    let address = SocketAddress.ip(IPAddress(ipv4: 0x7F00_0001), port: port)
    let numbers =
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.compactMap { Int32($0) } ?? []
    return numbers.filter { number in
      var kind: Int32 = 0
      var length = socklen_t(MemoryLayout<Int32>.size)
      return SocketIO.localAddress(of: number) == address
        && getsockopt(number, SOL_SOCKET, SO_TYPE, &kind, &length) == 0 && kind == Int32(SOCK_STREAM.rawValue)
    }.map { number in
      var raw = RawAddress()
      return (number, raw.withMutableSockaddr { getpeername(number, $0, $1) } == 0 ? raw.address : nil)
    }
  }

  func incidents(_ kind: Incidents.Kind) -> [Incidents.Entry] { incidents.take().filter { $0.kind == kind } }
}

/// An authority, what it has signed, and contexts for all ends.
struct TestTLS {
  private static let authority = TestCertificate.authority("Test Root")
  private static let certificate = authority.issue("app.example", "app.example")
  private static let rsa = authority.issue("app.example", "app.example", key: .rsa)
  private static let clientCertificate = authority.issue("Alice", "alice.example")

  let files = MemoryFiles()
  var server = TLSServerSettings(name: "web")
  var client = TLSClientSettings()
  private static let now = WallTime(nanosecondsSinceEpoch: Clock.wallNanoseconds)

  init() {
    files["ca.pem"] = Self.authority.pem
    files["unknown.pem"] = TestCertificate.authority("Unknown Root").pem
    server.certificates = [files.add("app", Self.certificate)]
    client.authorities = ["ca.pem"]
  }

  /// Handshakes that cost.
  mutating func useRSA() { server.certificates = [files.add("rsa", Self.rsa)] }

  /// Clients show a certificate, and servers ask for it.
  mutating func authenticateClients() {
    server.clientAuthentication = .require
    server.clientAuthorities = ["ca.pem"]
    client.certificate = files.add("alice", Self.clientCertificate)
  }

  func makeServer() throws -> TLSServerContext {
    try TLSServerContext(server, files: files.files, ticketKeys: TicketKeys(), now: Self.now)
  }

  func makePeer(_ host: String = "app.example", verify: Bool = true) throws -> TLSPeer {
    var client = client
    client.verify = verify
    return try TLSClientContext(client, files: files.files, systemTrust: SystemTrust(), now: Self.now).peer(
      host: TLSServerName(host))
  }
}
