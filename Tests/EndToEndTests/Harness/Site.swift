import Foundation
import Testing

/// Every test of this target is in a suite inside this one, so that they run one after the other: together they would
/// measure each other's load.
@Suite(.serialized) struct EndToEnd {}

/// What one test sets up. All of it goes with the test.
final class Site {
  let folder: URL
  /// Where the balancer listens, unless a test says otherwise.
  let front: Address
  private var balancers: [BalancerProcess] = []
  private var backends: [AnyObject] = []

  init() throws {
    // A thousand sessions need four thousand descriptors, two thousand of them here.
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = min(limit.rlim_max, 65536)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)

    folder = FileManager.default.temporaryDirectory.appendingPathComponent("balancer-\(getpid())-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    front = .ipv4(try FreePort.take())
  }

  deinit {
    // First the balancers: they would log the end of each backend.
    balancers = []
    backends = []
    try? FileManager.default.removeItem(at: folder)
  }

  /// A server on a free port.
  func backend(
    _ name: String, at address: Address? = nil, _ service: TestBackend.Service? = TestBackend.echo
  ) throws -> TestBackend {
    let backend = try TestBackend(name, at: address ?? .ipv4(FreePort.take()), service)
    backends.append(backend)
    return backend
  }

  /// Lets a server that a test has made live as long as this.
  func keep(_ backend: AnyObject) { backends.append(backend) }

  /// Servers named `a`, `b`, `c` and so on.
  func backends(_ count: Int) throws -> [TestBackend] {
    try "abcdefghijklmnopqrstuvwxyz".prefix(count).map { try backend(String($0)) }
  }

  /// A server that can be killed.
  func childBackend(_ name: String) throws -> ChildBackend {
    let backend = try ChildBackend(name, port: FreePort.take())
    backends.append(backend)
    return backend
  }

  /// A server that completes no connection.
  func hangingBackend() throws -> HangingBackend {
    let backend = try HangingBackend(at: .ipv4(FreePort.take()))
    backends.append(backend)
    return backend
  }

  /// An address that refuses.
  func deadAddress() throws -> Address { .ipv4(try FreePort.take()) }

  func balancer(
    _ configuration: String, environment: [String: String] = [:], descriptorLimit: Int? = nil, passing: [Int32] = [],
    log: URL? = nil, inside wrapper: [String] = []
  ) throws -> BalancerProcess {
    let balancer = try BalancerProcess(
      configuration, in: folder, environment: environment, descriptorLimit: descriptorLimit, passing: passing,
      log: log, inside: wrapper)
    balancers.append(balancer)
    try balancer.waitUntilReady()
    return balancer
  }

  /// A configuration with the listener `web` and the pool `web`.
  ///
  /// - Parameters:
  ///   - backends: as they stand in the file, each a string in quotes or an object.
  ///   - pool, listener, top: further keys of the pool, the listener and the file.
  func configuration(
    _ backends: [String], pool: String = #""health": "off""#, listener: String = "", top: String = #""workers": 2"#
  ) -> String {
    """
    {
      "listeners": { "web": { "listen": "\(front)", "pool": "web", \(listener) } },
      "pools": { "web": { "backends": [\(backends.joined(separator: ", "))], \(pool) } },
      \(top)
    }
    """
  }

  /// A file in its folder.
  func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
  }

  func connect(within limit: Duration = patience) throws -> Socket {
    try Socket(connectingTo: front, within: limit)
  }

  /// Connects and returns the session with the name of the backend that serves it; nil when it ended without one.
  func session(within limit: Duration = patience) throws -> (socket: Socket, backend: String?) {
    let socket = try connect(within: limit)
    return (socket, try socket.receiveLine(within: limit))
  }

  /// Who serves one session, which ends at once.
  func visit(within limit: Duration = patience) throws -> String? {
    try session(within: limit).backend
  }

  /// Who serves each of some sessions, one after the other.
  func visits(_ count: Int) throws -> [String?] {
    try (0..<count).map { _ in try visit() }
  }
}

extension TestBackend {
  /// As it stands in `backends`: the address alone, or an object when there are further keys.
  var json: String { "\"\(address)\"" }

  func json(_ keys: String) -> String { #"{ "address": "\#(address)", \#(keys) }"# }
}

extension ChildBackend {
  var json: String { "\"\(address)\"" }
}

extension HangingBackend {
  var json: String { "\"\(address)\"" }
}

extension Address {
  var json: String { "\"\(self)\"" }
}
