import Foundation
import Testing

extension EndToEnd {
  /// `source` in a network of its own. The commands are those of docs/transparent.md.
  @Suite(.enabled(if: Network.isPermitted, Comment(rawValue: Network.refusal)))
  struct Transparency {
    let site: Site
    let network: Network

    init() throws {
      site = try Site()
      network = try Network()
    }

    enum Family: CaseIterable {
      case ipv4, ipv6

      func client(_ last: Int) -> String { self == .ipv4 ? "10.0.1.\(last)" : "fd00:1::\(last)" }
      func inside(_ last: Int) -> String { self == .ipv4 ? "10.0.2.\(last)" : "fd00:2::\(last)" }
      var front: Address { .host(client(1), 80) }
      func backend(_ last: Int) -> Address { .host(inside(last), 8080) }
    }

    private static let checks = #""health": { "interval": "500ms", "timeout": "500ms" }"#

    /// The commands of a block of docs/transparent.md.
    private func commands(_ block: String) throws -> String {
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/transparent.md")
      let parts = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "<!-- \(block) -->\n```sh\n")
      guard parts.count == 2, let end = parts[1].range(of: "\n```") else {
        throw Failure("docs/transparent.md has no block \(block), or several")
      }
      return String(parts[1][..<end.lowerBound])
    }

    private func makeTransparent() throws {
      try network.balancer.run(commands("balancer"))
      try network.backends.run(commands("backends"))
    }

    /// A server that says who its peer is, and then sends back what comes.
    @discardableResult
    private func server(at address: Address) throws -> TestBackend {
      let backend = try network.backends.onIt {
        try TestBackend("", at: address) { connection in
          try connection.send(connection.peerName + "\n")
          try TestBackend.echo(connection)
        }
      }
      site.keep(backend)
      return backend
    }

    private func balancer(_ backends: [Address], _ pool: String, wrapper: [String] = []) throws -> BalancerProcess {
      try site.balancer(
        """
        {
          "listeners": { "web": { "listen": ["10.0.1.1:80", "[fd00:1::1]:80"], "pool": "web", "proxyProtocol": "off" } },
          "pools": { "web": { "backends": [\(backends.map(\.json).joined(separator: ", "))], \(pool) } }
        }
        """, inside: network.balancer.wrapper + wrapper)
    }

    /// Connects as a client.
    private func connect(_ address: Address, from local: String) throws -> Socket {
      try network.clients.onIt { try Socket(connectingTo: address, from: local) }
    }

    @Test(arguments: Family.allCases)
    func backendsSeeTheClientsThemselves(family: Family) throws {
      try makeTransparent()
      try server(at: family.backend(2))
      let balancer = try balancer([family.backend(2)], Self.checks + #", "source": "client""#)
      for last in [2, 3, 2] {
        let client = try connect(family.front, from: family.client(last))
        #expect(try client.receiveLine() == family.client(last))
        try client.send("hello\n")
        #expect(try client.receiveLine() == "hello")
        try client.finishSending()
        #expect(try client.receiveAll() == [])
      }
      // Data in both directions at once, more than any buffer.
      let client = try connect(family.front, from: family.client(2))
      #expect(try client.receiveLine() == family.client(2))
      let stream = ByteStream(seed: 7)
      let sender = BackgroundThread { try? stream.send(to: 5_000_000, on: client) }
      #expect(try stream.receive(to: 5_000_000, on: client) == 5_000_000)
      try sender.join()
      #expect(balancer.log.all.filter { $0.contains("warning") || $0.contains("error") } == [])
    }

    @Test func withoutTheRoutesNothingComesBack() throws {
      try makeTransparent()
      try server(at: Family.ipv4.backend(2))
      let balancer = try balancer(
        [Family.ipv4.backend(2)],
        Self.checks + #", "source": "client", "timeouts": { "connect": "300ms" }, "retries": 0"#)
      #expect(try connect(Family.ipv4.front, from: "10.0.1.2").receiveLine() == "10.0.1.2")
      try network.balancer.run(commands("back"))
      #expect(try !network.balancer.run("ip rule; ip -6 rule; nft list ruleset").contains("0x1"))
      #expect(
        try network.balancer.run("ip route show table 100 2>&1 || true").split(separator: "\n").allSatisfy {
          !$0.contains("local")
        })
      #expect(try connect(Family.ipv4.front, from: "10.0.1.2").receiveLine() == nil)
      try balancer.log.waitForLine(containing: "pool web", "no answer within timeouts.connect")
      // Checks are not transparent: they say nothing of it.
      #expect(!balancer.log.all.contains { $0.contains("DOWN") })
    }

    @Test func theClientOfAProxyHeaderIsTheOne() throws {
      try makeTransparent()
      try server(at: Family.ipv4.backend(2))
      _ = try site.balancer(
        """
        {
          "listeners": { "web": { "listen": "10.0.1.1:80", "pool": "web", "proxyProtocol": "v1" } },
          "pools": { "web": { "backends": ["10.0.2.2:8080"], "source": "client" } }
        }
        """, inside: network.balancer.wrapper)
      let client = try connect(Family.ipv4.front, from: "10.0.1.2")
      try client.send("PROXY TCP4 203.0.113.7 198.51.100.1 5000 443\r\n")
      #expect(try client.receiveLine() == "203.0.113.7")
    }

    @Test func withoutTheRightItSaysSo() throws {
      try server(at: Family.ipv4.backend(2))
      let balancer = try balancer(
        [Family.ipv4.backend(2)], Self.checks + #", "source": "client""#,
        wrapper: ["setpriv", "--bounding-set", "-net_admin,-net_raw"])
      try balancer.log.waitForLine(containing: "warning: pools.web.source: this process has no CAP_NET_ADMIN")
      #expect(try connect(Family.ipv4.front, from: "10.0.1.2").receiveLine() == nil)
      try balancer.log.waitForLine(containing: "pool web", "operation not permitted (EPERM)")
    }

    /// Ports are for a pair of addresses, not for one: a few are enough for many backends.
    @Test(arguments: Family.allCases, [false, true])
    func morePortsThanThereAre(family: Family, isTransparent: Bool) throws {
      try makeTransparent()
      try server(at: family.backend(2))
      try server(at: family.backend(3))
      try network.balancer.run("sysctl -qw net.ipv4.ip_local_port_range='20000 20009'")
      let source = isTransparent ? "client" : family.inside(9)
      _ = try balancer([family.backend(2), family.backend(3)], #""health": "off", "source": "\#(source)""#)
      let sessions = try (1...18).map { _ in try connect(family.front, from: family.client(2)) }
      for session in sessions {
        #expect(try session.receiveLine() == (isTransparent ? family.client(2) : family.inside(9)))
      }
    }
  }
}
