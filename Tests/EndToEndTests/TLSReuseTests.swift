import Foundation
import Testing

extension EndToEnd {
  /// Connections to backends that wait for the next request: whom they were verified to be, and what was shown to them, counts
  /// for those requests alone that would be answered by the same.
  @Suite struct TLSReuse {
    let site: Site
    let authority: Authority
    let server: TLSServer

    /// What has answered a request.
    private struct Answer: Equatable {
      let status: Int
      /// The name that the connection was made for.
      var serverName: String?
      /// Of the certificate that the backend was shown.
      var client: String?
      /// Of the connection.
      var number: Int?

      init(_ message: Message) {
        status = message.status
        let words = message.text.split(separator: " ").map(String.init)
        guard status == 200, words.count == 4 else { return }
        serverName = words[1]
        client = words[2]
        number = Int(words[3])
      }
    }

    init() throws {
      site = try Site()
      authority = try Authority("root", in: site.folder)
      _ = try Authority("second", in: site.folder)
      let clients = try Authority("clients", in: site.folder)
      for name in ["alice", "bob"] { try clients.issue(name, ["DNS:\(name)"]) }
      let names = ["DNS:localhost", "DNS:one.example", "DNS:two.example"]
      server = try TLSServer(
        "strict", authority.issue("server", names), clientCA: clients.certificate, isHTTP: true)
    }

    private static func tls(
      ca: String = #""root.pem""#, name: String = "one.example", client: String = "alice", more: String = ""
    ) -> String {
      """
      { "ca": \(ca), "serverName": "\(name)", "certificate": "\(client).pem", "key": "\(client).key"\(more) }
      """
    }

    private func configuration(_ tls: String, top: String = #""workers": 1"#) -> String {
      site.http([server.json()], pool: "\"tls\": \(tls)", top: top)
    }

    /// A change of a pool's `tls`, and what has to come of it: whom the next connection is made for and what it shows, or
    /// nothing when it must not come to one.
    struct Change: CustomTestStringConvertible, Sendable {
      let testDescription: String
      let before: String
      let after: String
      var serverName: String? = "one.example"
      var client: String? = "alice"
    }

    private static let changes = [
      Change(
        testDescription: "another server name", before: tls(), after: tls(name: "two.example"),
        serverName: "two.example"),
      Change(
        testDescription: "a server name that the certificate is not for", before: tls(),
        after: tls(name: "three.example"),
        serverName: nil),
      Change(
        testDescription: "one authority more", before: tls(), after: tls(ca: #"["root.pem", "second.pem"]"#)),
      Change(
        testDescription: "an authority less", before: tls(ca: #"["root.pem", "second.pem"]"#), after: tls()),
      Change(
        testDescription: "another authority", before: tls(), after: tls(ca: #""second.pem""#), serverName: nil),
      Change(testDescription: "another client certificate", before: tls(), after: tls(client: "bob"), client: "bob"),
      Change(
        testDescription: "no client certificate", before: tls(),
        after: #"{ "ca": "root.pem", "serverName": "one.example" }"#, serverName: nil),
      Change(
        testDescription: "verification begins", before: tls(ca: #""second.pem""#, more: #", "verify": false"#),
        after: tls(ca: #""second.pem""#), serverName: nil),
      Change(
        testDescription: "verification begins, and succeeds", before: tls(more: #", "verify": false"#), after: tls()),
      Change(testDescription: "no TLS", before: tls(), after: #""off""#, serverName: nil),
    ]

    @Test(arguments: changes) func aChangeOfTLSIsNoBusinessOfIdleConnections(_ change: Change) throws {
      let balancer = try site.balancer(configuration(change.before))
      let wire = try site.wire()
      func ask() throws -> Answer { Answer(try wire.get()) }
      let first = try ask()
      #expect(first.status == 200 && first.serverName == "one.example" && first.client == "alice")
      // It is kept, through a reload as well.
      #expect(try ask() == first)
      let unrelated = try balancer.reload(
        configuration(change.before, top: #""workers": 1, "shutdown": { "drain": "1s" }"#))
      try balancer.log.waitForLine(containing: "is in force", after: unrelated)
      #expect(try ask() == first)

      let mark = try balancer.reload(configuration(change.after))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      for _ in 0..<3 {
        let answer = try ask()
        if change.serverName == nil {
          #expect(answer.status == 502)
        } else {
          #expect(answer.status == 200 && answer.serverName == change.serverName && answer.client == change.client)
          #expect(answer.number != first.number)
        }
      }
      // Neither is the first of use again.
      let back = try balancer.reload(configuration(change.before))
      try balancer.log.waitForLine(containing: "is in force", after: back)
      let last = try ask()
      #expect(last.status == 200 && last.serverName == "one.example" && last.client == "alice")
      #expect(last.number != first.number)
    }

    /// Pools, and backends of one pool, that lie at one address.
    @Test func whoeverHasOtherTLSHasOtherConnections() throws {
      let pools: [(name: String, tls: String, serverName: String?, client: String)] = [
        ("one", Self.tls(), "one.example", "alice"), ("two", Self.tls(name: "two.example"), "two.example", "alice"),
        ("bob", Self.tls(client: "bob"), "one.example", "bob"),
        ("believing", Self.tls(ca: #""second.pem""#, more: #", "verify": false"#), "one.example", "alice"),
        ("distrusting", Self.tls(ca: #""second.pem""#), nil, ""),
      ]
      let routes = (pools.map(\.name) + ["mixed"]).map { #"{ "match": { "path": "/\#($0)" }, "pool": "\#($0)" }"# }
      let texts = pools.map { pool in
        #""\#(pool.name)": { "backends": [\#(server.json())], "health": "off", "tls": \#(pool.tls) }"#
      }
      let mixed = [("a", "one.example"), ("b", "two.example")].map { name, serverName in
        server.json(#""name": "\#(name)", "tls": { "serverName": "\#(serverName)" }"#)
      }
      _ = try site.balancer(
        """
        {
          "workers": 1,
          "listeners": {
            "web": { "listen": "\(site.front)", "mode": "http", "routes": [\(routes.joined(separator: ", "))] }
          },
          "pools": {
            \(texts.joined(separator: ",\n")),
            "mixed": { "backends": [\(mixed.joined(separator: ", "))], "health": "off", "tls": \(Self.tls()) }
          }
        }
        """)
      let wire = try site.wire()
      var numbers: [String: Set<Int>] = [:]
      for _ in 0..<3 {
        for pool in pools {
          let answer = Answer(try wire.get("/\(pool.name)"))
          guard let serverName = pool.serverName else {
            #expect(answer.status == 502, "\(pool.name)")
            continue
          }
          #expect(answer.serverName == serverName && answer.client == pool.client, "\(pool.name): \(answer)")
          numbers[pool.name, default: []].insert(try #require(answer.number))
        }
        for _ in mixed {
          let answer = Answer(try wire.get("/mixed"))
          numbers["mixed \(answer.serverName ?? "none")", default: []].insert(try #require(answer.number))
        }
      }
      // Each has one, which it keeps, and none is another's.
      #expect(numbers.count == 6 && numbers.keys.contains("mixed two.example"), "\(numbers)")
      #expect(numbers.values.allSatisfy { $0.count == 1 }, "\(numbers)")
      #expect(Set(numbers.values.joined()).count == 6, "\(numbers)")
    }

    /// The names of the files stay, and what they hold is another's.
    @Test func newFilesAreNoBusinessOfIdleConnections() throws {
      func copy(_ name: String, to other: String) throws {
        let text = try String(contentsOfFile: "\(site.folder.path)/\(name)", encoding: .utf8)
        try text.write(toFile: "\(site.folder.path)/\(other)", atomically: true, encoding: .utf8)
        chmod("\(site.folder.path)/\(other)", 0o600)
      }
      for kind in ["pem", "key"] { try copy("alice.\(kind)", to: "shown.\(kind)") }
      try copy("root.pem", to: "trusted.pem")
      let balancer = try site.balancer(configuration(Self.tls(ca: #""trusted.pem""#, client: "shown")))
      let wire = try site.wire()
      func ask() throws -> Answer { Answer(try wire.get()) }
      let first = try ask()
      #expect(first.client == "alice")
      #expect(try ask() == first)

      var mark = balancer.log.mark
      for kind in ["pem", "key"] { try copy("bob.\(kind)", to: "shown.\(kind)") }
      try balancer.log.waitForLine(containing: "pool web: new connections trust", after: mark)
      let second = try ask()
      #expect(second.client == "bob" && second.number != first.number, "\(second)")
      #expect(try ask() == second)

      mark = balancer.log.mark
      try copy("second.pem", to: "trusted.pem")
      try balancer.log.waitForLine(containing: "pool web: new connections trust", after: mark)
      #expect(try ask().status == 502)
    }
  }
}
