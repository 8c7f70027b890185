import Foundation
import Testing

extension EndToEnd {
  /// TLS that is routed by the name which the client asks for, and never decrypted.
  @Suite struct Passthrough {
    let site: Site

    init() throws { site = try Site() }

    /// A TLS server with a certificate of its own, which says its name to whoever has shaken hands.
    private func tlsServer(_ name: String) throws -> (json: String, process: ChildProcess) {
      let port = try FreePort.take()
      let (key, certificate) = ("\(site.folder.path)/\(name).key", "\(site.folder.path)/\(name).pem")
      let made = try ChildProcess.run(
        [
          "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
          "2",
          "-subj", "/CN=\(name)", "-keyout", key, "-out", certificate,
        ])
      try #require(made.exit == .status(0), "\(made.errors)")
      let process = try ChildProcess(["/usr/bin/python3", "-c", Self.server, name, "\(port)", certificate, key])
      try process.output.waitForLine(containing: "listening")
      return ("\"127.0.0.1:\(port)\"", process)
    }

    private static let server = """
      import socket, ssl, sys, threading

      name, port, certificate, key = sys.argv[1:]
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain(certificate, key)
      listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)

      def serve(connection):
          try:
              with context.wrap_socket(connection, server_side=True) as stream:
                  stream.sendall(name.encode() + b"\\n")
                  while data := stream.recv(65536):
                      stream.sendall(data)
          except OSError:
              pass

      print("listening", flush=True)
      while True:
          threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
      """

    /// A client that asks for a name and prints whose certificate it got; with `split`, its bytes go out one by one.
    private static let client = """
      import socket, ssl, sys

      port, name, split = int(sys.argv[1]), sys.argv[2] or None, sys.argv[3] == "split"
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
      context.check_hostname = False
      context.verify_mode = ssl.CERT_NONE
      incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
      stream = context.wrap_bio(incoming, outgoing, server_hostname=name)
      connection = socket.create_connection(("127.0.0.1", port), timeout=20)
      connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

      def flush():
          data = outgoing.read()
          if split:
              for byte in data:
                  connection.sendall(bytes([byte]))
          else:
              connection.sendall(data)

      def until_done(action):
          while True:
              try:
                  result = action()
                  flush()
                  return result
              except ssl.SSLWantReadError:
                  flush()
                  data = connection.recv(65536)
                  if not data:
                      raise SystemExit("closed")
                  incoming.write(data)

      try:
          until_done(stream.do_handshake)
          said = until_done(lambda: stream.read(4096)).decode().strip()
          stream.write(b"ping" * 1000)
          flush()
          got = b""
          while len(got) < 4000:
              got += until_done(lambda: stream.read(4096))
          assert got == b"ping" * 1000
          print(said)
      except ConnectionError:
          raise SystemExit("closed")
      """

    /// Which server a client gets; nil when it was closed.
    private func server(for name: String, split: Bool = false) throws -> String? {
      let result = try ChildProcess.run(
        ["/usr/bin/python3", "-c", Self.client, "\(try #require(site.front.port))", name, split ? "split" : "whole"])
      if result.exit == .status(0) { return result.output }
      guard result.errors == "closed" else { throw Failure("the client failed: \(result.errors)") }
      return nil
    }

    private func configuration(_ one: String, _ two: String, rest: String?, keys: String = "") -> String {
      """
      {
        "workers": 2,
        "defaults": { "health": "off" },
        "listeners": {
          "tls": {
            "listen": "\(site.front)", \(keys)
            \(rest == nil ? "" : #""pool": "rest","#)
            "routes": [
              { "match": { "sni": "one.example.com" }, "pool": "one" },
              { "match": { "sni": ["*.example.com", "two.test"] }, "pool": "two" }
            ]
          }
        },
        "pools": {
          \(rest.map { #""rest": { "backends": [\#($0)] },"# } ?? "")
          "one": { "backends": [\(one)] },
          "two": { "backends": [\(two)] }
        }
      }
      """
    }

    @Test func namesChooseThePool() throws {
      let (one, two) = (try tlsServer("one"), try tlsServer("two"))
      let plain = try site.backend("plain")
      _ = try site.balancer(configuration(one.json, two.json, rest: plain.json))
      for split in [false, true] {
        #expect(try server(for: "one.example.com", split: split) == "one")
        #expect(try server(for: "ONE.Example.com", split: split) == "one")
        #expect(try server(for: "x.example.com", split: split) == "two")
        #expect(try server(for: "a.b.example.com", split: split) == "two")
        #expect(try server(for: "two.test", split: split) == "two")
      }
      // Plain text is for the rest, and what it said before it had a backend is not lost.
      let client = try site.connect()
      try client.send("GET / HTTP/1.0\r\n")
      #expect(try client.receiveLine() == "plain")
      #expect(try client.receiveLine() == "GET / HTTP/1.0\r")
    }

    @Test func namesThatNoRouteTakesAreForTheRest() throws {
      let (one, two, rest) = (try tlsServer("one"), try tlsServer("two"), try tlsServer("rest"))
      _ = try site.balancer(configuration(one.json, two.json, rest: rest.json))
      for name in ["example.com", "one.example.org", "test", ""] { #expect(try server(for: name) == "rest", "\(name)") }
      #expect(try server(for: "one.example.com") == "one")

      // Another implementation sees the same.
      let port = try #require(site.front.port)
      for (name, expected) in [("one.example.com", "one"), ("y.example.com", "two"), ("example.org", "rest")] {
        let result = try ChildProcess.run(
          ["openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-servername", name])
        #expect(
          result.output.contains("CN=\(expected)") || result.output.contains("CN = \(expected)"), "\(result.output)")
      }
    }

    @Test func withoutAPoolOfItsOwnTheRestIsClosed() throws {
      let (one, two) = (try tlsServer("one"), try tlsServer("two"))
      let balancer = try site.balancer(configuration(one.json, two.json, rest: nil))
      #expect(try server(for: "one.example.com") == "one")
      #expect(try server(for: "example.org") == nil)
      try balancer.log.waitForLine(containing: "listener tls", "no route takes the server name example.org")
      let mark = balancer.log.mark
      let client = try site.connect()
      try client.send("GET / HTTP/1.0\r\n\r\n")
      _ = try client.waitForEnd()
      try balancer.log.waitForLine(containing: "listener tls", "named no server", after: mark)
    }

    /// The name that routed it goes with the header (PP2_TYPE_AUTHORITY, proxy-protocol.txt 2.2), before the ClientHello.
    @Test func backendsLearnTheNameFromTheProxyHeader() throws {
      let backend = try site.backend("") { connection in
        let head = try connection.receive(16)
        let rest = try connection.receive(Int(head[14]) << 8 | Int(head[15]))
        var types: [String] = []
        // Behind the addresses and ports of TCP over IPv4.
        var place = 12
        while place + 3 <= rest.count {
          let end = place + 3 + (Int(rest[place + 1]) << 8 | Int(rest[place + 2]))
          guard end <= rest.count else { throw Failure("a field that ends behind its header") }
          types.append("\(rest[place])=\(String(decoding: rest[place + 3..<end], as: UTF8.self))")
          place = end
        }
        try connection.send("\(head[13]) \(types.joined(separator: " "))\n")
        try TestBackend.echo(connection)
      }
      _ = try site.balancer(
        """
        {
          "listeners": {
            "tls": {
              "listen": "\(site.front)",
              "routes": [{ "match": { "sni": ["*.example.com", "\(longName)"] }, "pool": "web" }],
              "pool": "web"
            }
          },
          "pools": { "web": { "backends": [\(backend.json)], "health": "off", "sendProxy": "v2" } }
        }
        """)
      for (name, field) in [
        ("www.example.com", "2=www.example.com"), ("WWW.Example.COM", "2=www.example.com"),
        (longName, "2=\(longName)"), ("other.test", "2=other.test"), (nil, ""),
      ] {
        let hello = clientHello(for: name)
        let client = try site.connect()
        try client.send(hello)
        #expect(try client.receiveLine() == "17 \(field)")
        #expect(try client.receive(hello.count) == hello)
      }
    }

    /// The longest that there may be: 253 bytes.
    private var longName: String {
      (Array(repeating: String(repeating: "a", count: 62), count: 3) + [String(repeating: "b", count: 60), "de"])
        .joined(separator: ".") + "x"
    }

    /// A TLS 1.2 ClientHello with nothing in it but a name, or not even that (RFC 5246, 7.4.1.2; RFC 6066, 3).
    private func clientHello(for name: String?) -> [UInt8] {
      func length(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes }
      let names = name.map { length([0] + length(Array($0.utf8))) }
      let extensions = names.map { length([0, 0] + length($0)) } ?? []
      let random = [UInt8](repeating: 7, count: 32)
      let body = [3, 3] + random + [0] + length([0x00, 0x2F]) + [1, 0] + extensions
      return [22, 3, 1] + length([1, 0] + length(body))
    }

    @Test func aClientHelloHasToComeInTime() throws {
      let plain = try site.backend("plain")
      let balancer = try site.balancer(
        configuration(
          plain.json, plain.json, rest: plain.json, keys: #""timeouts": { "handshake": "300ms" },"#))
      let (silent, slow) = (try site.connect(), try site.connect())
      // The beginning of a record that promises more.
      try slow.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
      _ = try silent.waitForEnd()
      _ = try slow.waitForEnd()
      try balancer.log.waitForLine(containing: "no ClientHello within timeouts.handshake")
      #expect(plain.connections == 0)
    }
  }
}
