import Base
import Synchronization
import Testing

@testable import TLS

@Suite struct KeyLogTests {
  private final class Lines: Sendable {
    let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
  }

  @Test func secretsAreToldOnlyToWhoeverAsked() throws {
    let (server, client) = (Lines(), Lines())
    var site = Site()
    site.keyLog = { server.add($0) }
    let clientContext = try TLSClientContext(
      site.client, files: site.files.files, systemTrust: SystemTrust(), keyLog: { client.add($0) }, now: now)
    // Also for a name that has a context of its own.
    site.server.certificates.append(site.files.add("two", Site.authority.issue("two", "two.example")))
    for name in ["app.example", "two.example"] {
      let link = try Link(
        server: site.makeServer().makeEngine(), client: clientContext.peer(host: TLSServerName(name)).makeEngine())
      link.handshake()
      #expect(link.isOpen)
    }
    #expect(server.all.filter { $0.hasPrefix("CLIENT_TRAFFIC_SECRET_0 ") }.count == 2)
    #expect(server.all.filter { $0.hasPrefix("SERVER_HANDSHAKE_TRAFFIC_SECRET ") }.count == 2)
    // Both ends know the same.
    #expect(Set(server.all) == Set(client.all))
    let told = server.all.count
    site.keyLog = nil
    #expect(try site.connect().isOpen)
    #expect(server.all.count == told)
  }
}
