import Foundation
import Testing

extension EndToEnd {
  /// The header that a proxy before us sends, and the one that the backends get.
  @Suite struct ProxyProtocol {
    let site: Site

    init() throws { site = try Site() }

    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    /// Version 2 for TCP over IPv4.
    private func version2(
      source: [UInt8] = [192, 0, 2, 7], port: UInt16 = 5000, command: UInt8 = 0x21, further: [UInt8] = []
    ) -> [UInt8] {
      let body = source + [198, 51, 100, 1] + [UInt8(port >> 8), UInt8(port & 0xFF), 0x01, 0xBB] + further
      return Self.signature + [command, 0x11, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
    }

    private let version1 = Array("PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n".utf8)

    /// Version 2 with its CRC32C and an authority.
    private func checksummed(_ checksum: UInt32) -> [UInt8] {
      let bytes = (0..<4).reversed().map { UInt8(truncatingIfNeeded: checksum >> UInt32(8 * $0)) }
      return version2(further: [0x03, 0x00, 0x04] + bytes + [0x02, 0x00, 0x01, UInt8(ascii: "a")])
    }

    /// Between unix sockets, as haproxy sends it for a client on one.
    private var unix: [UInt8] {
      let path = Array("/run/app.sock".utf8)
      let addresses = path + [UInt8](repeating: 0, count: 108 - path.count) + [UInt8](repeating: 0, count: 108)
      return Self.signature + [0x21, 0x31, 0, 216] + addresses
    }

    /// As long as the two versions may be: 107 bytes (proxy-protocol.txt, 2.1), and 4096, the most that is read.
    private var longest: [[UInt8]] {
      let line = "PROXY UNKNOWN " + String(repeating: "x", count: 107 - 16) + "\r\n"
      let padding = 4096 - 16 - 12 - 3
      return [
        Array(line.utf8),
        version2(further: [0x04, UInt8(padding >> 8), UInt8(padding & 0xFF)] + [UInt8](repeating: 0, count: padding)),
      ]
    }

    /// Sends the header and some bytes behind it, and returns what the backend says to that; nil when it was closed.
    private func answer(_ header: [UInt8], in pieces: Int = 1) throws -> String? {
      let client = try site.connect()
      do {
        let bytes = header + Array("hello\n".utf8)
        let size = (bytes.count + pieces - 1) / pieces
        for start in stride(from: 0, to: bytes.count, by: size) {
          try client.send(Array(bytes[start..<min(start + size, bytes.count)]))
          if pieces > 1 { usleep(2000) }
        }
        guard try client.receiveLine() == "a" else { return nil }
        return try client.receiveLine()
      } catch let failure as SystemFailure where failure.number == ECONNRESET || failure.number == EPIPE { return nil }
    }

    @Test func headersAreTakenOut() throws {
      let backend = try site.backend("a")
      _ = try site.balancer(site.configuration([backend.json], listener: #""proxyProtocol": "any""#))
      let tlv: [UInt8] = [0x05, 0x00, 0x03, 1, 2, 3]
      let local = Self.signature + [0x20, 0x00, 0, 0]
      for header in [
        version1, Array("PROXY UNKNOWN\r\n".utf8), Array("PROXY TCP6 2001:db8::1 ::1 1 2\r\n".utf8), version2(),
        version2(further: tlv), version2(command: 0x20), local, checksummed(0x2526_FEB0), unix,
      ] + longest {
        // Byte by byte where that is quick.
        for pieces in [1, 2, 5, header.count < 1000 ? 1000 : 100] {
          #expect(try answer(header, in: pieces) == "hello", "\(header) in \(pieces)")
        }
      }
    }

    @Test func whatIsNoHeaderIsClosedAndLogged() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([backend.json], listener: #""proxyProtocol": "v1""#))
      #expect(try answer(version1) == "hello")
      for header in [
        Array("GET / HTTP/1.1\r\n\r\n".utf8), version2(), Array("PROXY TCP4 192.0.2.7 198.51.100.1 5000\r\n".utf8),
        Array("PROXY TCP4 192.0.2.999 198.51.100.1 5000 443\r\n".utf8), [UInt8](repeating: 0x50, count: 4096),
        Array("PROXY UNKNOWN \(String(repeating: "x", count: 92))\r\n".utf8),
      ] {
        let mark = balancer.log.mark
        #expect(try answer(header) == nil, "\(header)")
        try balancer.log.waitForLine(containing: "listener web", "closed", "127.0.0.1", after: mark)
      }
      #expect(backend.connections == 0)
      #expect(try answer(version1) == "hello")
    }

    @Test func aHeaderThatWasChangedIsClosedAndLogged() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(site.configuration([backend.json], listener: #""proxyProtocol": "v2""#))
      #expect(try answer(checksummed(0x2526_FEB0)) == "hello")
      for header in [checksummed(0x2526_FEB1), unix.map { $0 == 0x31 ? 0x41 : $0 }] {
        let mark = balancer.log.mark
        #expect(try answer(header) == nil)
        try balancer.log.waitForLine(containing: "listener web", "closed", "127.0.0.1", after: mark)
      }
    }

    @Test func aHeaderHasToComeInTime() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json], listener: #""proxyProtocol": "v2", "timeouts": { "handshake": "300ms" }"#))
      let (silent, slow) = (try site.connect(), try site.connect())
      try slow.send(Array(version2().prefix(20)))
      _ = try silent.waitForEnd()
      _ = try slow.waitForEnd()
      try balancer.log.waitForLine(containing: "no PROXY header within timeouts.handshake")
    }

    @Test func theAddressThatItCarriesIsTheClients() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json],
          listener:
            #""proxyProtocol": "any", "deny": ["192.0.2.0/24", "2001:db8::/32"], "perClient": { "connections": 1 }"#))
      #expect(try answer(version1) == nil)
      try balancer.log.waitForLine(containing: "allow and deny", "192.0.2.7")
      #expect(try answer(version2()) == nil)
      #expect(try answer(Array("PROXY TCP6 2001:db8::1 ::1 1 2\r\n".utf8)) == nil)
      #expect(try answer(version2(source: [203, 0, 113, 1])) == "hello")

      // Limits are the client's as well, though all come from one peer.
      let held = try (1...3).map { last in
        let client = try site.connect()
        try client.send(version2(source: [203, 0, 113, UInt8(10 + last)]))
        #expect(try client.receiveLine() == "a")
        return client
      }
      #expect(try answer(version2(source: [203, 0, 113, 11])) == nil)
      withExtendedLifetime(held) {}
    }

    @Test func onlyTrustedProxiesAreBelieved() throws {
      let backend = try site.backend("a")
      func file(_ trusted: String) -> String {
        site.configuration(
          [backend.json],
          listener: #""proxyProtocol": "any", "trustedProxies": ["\#(trusted)"], "deny": ["192.0.2.7"]"#)
      }
      let balancer = try site.balancer(file("10.0.0.0/8"))
      #expect(try answer(version2()) == "hello")
      let mark = try balancer.reload(file("127.0.0.0/8"))
      try balancer.log.waitForLine(containing: "is in force", after: mark)
      #expect(try answer(version2()) == nil)
    }

    /// A backend that takes a header, says what it was and then sends back what comes.
    private static func reading(_ version: Int) -> TestBackend.Service {
      { connection in
        if version == 1 {
          guard let line = try connection.receiveLine() else { return }
          try connection.send(line.trimmingCharacters(in: .whitespacesAndNewlines) + "\n")
        } else {
          let head = try connection.receive(16)
          let rest = try connection.receive(Int(head[14]) << 8 | Int(head[15]))
          let isRight = Array(head[..<12]) == ProxyProtocol.signature && head[12] == 0x21 && head[13] == 0x11
          let port = Int(rest[8]) << 8 | Int(rest[9])
          let target = Int(rest[10]) << 8 | Int(rest[11])
          let (from, to) = (rest[0..<4], rest[4..<8])
          func text(_ address: ArraySlice<UInt8>) -> String { address.map(String.init).joined(separator: ".") }
          try connection.send(isRight ? "TCP4 \(text(from)) \(text(to)) \(port) \(target)\n" : "wrong: \(head)\n")
        }
        try TestBackend.echo(connection)
      }
    }

    /// Backends speak first here, before the client has said a word.
    @Test(arguments: [1, 2]) func backendsLearnWhoTheClientIs(version: Int) throws {
      let backend = try site.backend("first", Self.reading(version))
      _ = try site.balancer(
        site.configuration([backend.json], pool: #""health": "off", "sendProxy": "v\#(version)""#))
      for _ in 0..<5 {
        let (client, name) = try site.session()
        #expect(name == "first")
        let ports = "\(client.localPort) \(try #require(site.front.port))"
        let expected = "TCP4 127.0.0.1 127.0.0.1 \(ports)"
        #expect(try client.receiveLine() == (version == 1 ? "PROXY \(expected)" : expected))
        try client.send("and on\n")
        #expect(try client.receiveLine() == "and on")
      }
    }

    /// What a proxy before us says is passed on, in the other version.
    @Test func aHeaderIsTranslated() throws {
      let backend = try site.backend("", Self.reading(1))
      _ = try site.balancer(
        site.configuration(
          [backend.json], pool: #""health": "off", "sendProxy": "v1""#, listener: #""proxyProtocol": "v2""#))
      let client = try site.connect()
      try client.send(version2() + Array("hello\n".utf8))
      #expect(try client.receiveLine() == "PROXY TCP4 192.0.2.7 198.51.100.1 5000 443")
      #expect(try client.receiveLine() == "hello")
    }
  }
}

extension Socket {
  /// The port of its own end.
  fileprivate var localPort: UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return UInt16(bigEndian: address.sin_port)
  }
}
