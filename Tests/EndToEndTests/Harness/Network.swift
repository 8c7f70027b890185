import Foundation

/// A machine of a test's own: a network namespace (ip-netns(8)), which goes with it.
final class Machine: Sendable {
  let name: String
  private let number: Int32

  init(_ role: String) throws {
    name = "balancer-\(getpid())-\(role)"
    try Self.shell("ip netns add \(name)")
    number = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw SystemFailure("open /run/netns/\(name)") }
    // Loopback, and every address usable at once: nobody else is in this network.
    try run("ip link set lo up; sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
  }

  deinit {
    close(number)
    _ = try? Self.shell("ip netns del \(name)")
  }

  /// The command that runs its program on this machine.
  var wrapper: [String] { ["ip", "netns", "exec", name] }

  /// Runs a script of the shell on this machine, to its end.
  @discardableResult
  func run(_ script: String) throws -> String { try Self.shell(script, wrapper) }

  @discardableResult
  fileprivate static func shell(_ script: String, _ wrapper: [String] = []) throws -> String {
    let (exit, output, errors) = try ChildProcess.run(wrapper + ["bash", "-ec", script])
    guard exit == .status(0) else { throw Failure("\(script): \(exit): \(errors)") }
    return output
  }

  /// Joins two machines with a cable.
  ///
  /// - Parameters: the interface at each end and its addresses.
  static func connect(
    _ one: Machine, _ here: String, _ addresses: [String], _ other: Machine, _ there: String, _ others: [String]
  )
    throws
  {
    try shell("ip link add name \(here) netns \(one.name) type veth peer name \(there) netns \(other.name)")
    for (machine, interface, addresses) in [(one, here, addresses), (other, there, others)] {
      let lines = addresses.map { "ip address add \($0) dev \(interface)\($0.contains(":") ? " nodad" : "")" }
      try machine.run((["ip link set \(interface) up"] + lines).joined(separator: "\n"))
    }
  }

  /// Calls `body` on a thread that is on this machine: the sockets it opens stay there (network_namespaces(7)).
  func onIt<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
    let result = Locked<Swift.Result<Result, any Error>?>(nil)
    let number = self.number
    _ = BackgroundThread {
      let outcome = Swift.Result { () throws -> Result in
        try Self.enter(number)
        return try body()
      }
      result.withLock { $0 = outcome }
    }
    guard let outcome = result.wait(within: patience * 2, for: { $0 }) else {
      throw Failure("nothing came of it on \(name)")
    }
    return try outcome.get()
  }

  /// setns(2), which Glibc's module lacks.
  private static func enter(_ number: Int32) throws {
    typealias Call = @convention(c) (Int32, Int32) -> Int32
    guard let call = dlsym(nil, "setns") else { throw Failure("there is no setns") }
    guard unsafeBitCast(call, to: Call.self)(number, networkNamespace) == 0 else { throw SystemFailure("setns") }
  }

  /// CLONE_NEWNET (linux/sched.h).
  private static let networkNamespace: Int32 = 0x4000_0000
}

/// Clients, a balancer and backends as three machines in a row: the network of docs/transparent.md.
///
///     10.0.1.2 ──── 10.0.1.1  10.0.2.1 ──── 10.0.2.2, 10.0.2.3
struct Network {
  /// Whether this machine lets a test make networks (root with CAP_SYS_ADMIN and CAP_NET_ADMIN; iproute2, nftables).
  static let isPermitted: Bool = {
    guard let one = try? Machine("probe-a"), let other = try? Machine("probe-b") else { return false }
    do {
      try Machine.connect(
        one, "probe0", ["10.0.1.1/24", "fd00:1::1/64"], other, "probe1", ["10.0.1.2/24", "fd00:1::2/64"])
      try one.run("nft add table inet probe; ip rule add fwmark 1 lookup 100")
      return true
    } catch {
      print("networks of namespaces:", error)
      return false
    }
  }()
  static let refusal =
    "networks of namespaces are not tested: this machine forbids them or lacks ip or nft (root, iproute2, nftables)"

  let clients: Machine
  let balancer: Machine
  let backends: Machine

  init() throws {
    clients = try Machine("clients")
    balancer = try Machine("balancer")
    backends = try Machine("backends")
    try Machine.connect(
      clients, "out", ["10.0.1.2/24", "10.0.1.3/24", "fd00:1::2/64", "fd00:1::3/64"],  //
      balancer, "clients", ["10.0.1.1/24", "fd00:1::1/64"])
    try Machine.connect(
      balancer, "backends", ["10.0.2.1/24", "10.0.2.9/24", "fd00:2::1/64", "fd00:2::9/64"],  //
      backends, "out", ["10.0.2.2/24", "10.0.2.3/24", "fd00:2::2/64", "fd00:2::3/64"])
    // Clients have no way to the backends but through the balancer's program.
    try balancer.run("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0")
  }
}
