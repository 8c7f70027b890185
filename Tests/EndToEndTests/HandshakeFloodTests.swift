import Foundation
import Testing

extension EndToEnd {
  /// Very many handshakes at once, of clients and with backends, beside a session that runs on the same worker. What counts
  /// is how often that session is served meanwhile: on a machine however slow it is, it gets its turns between them.
  @Suite struct HandshakeFloods {
    let site: Site
    let authority: Authority
    private static let count = 400

    init() throws {
      site = try Site()
      authority = try Authority("root", in: site.folder)
    }

    /// A connection of which the server or the backend says what comes back.
    private struct Running {
      private let wire: Wire
      private let isHTTP: Bool

      init(_ address: Address, _ mode: String) throws {
        wire = try Wire(connectingTo: address)
        isHTTP = mode == "http"
        if !isHTTP { _ = try wire.take(until: "\n") }
        try serve()
      }

      /// Once there and back.
      func serve() throws {
        if isHTTP {
          guard try wire.get().status == 200 else { throw Failure("the running session is not served") }
        } else {
          try wire.send("x")
          guard try wire.take(1) == [UInt8(ascii: "x")] else { throw Failure("the running session is not served") }
        }
      }
    }

    // MARK: Backends

    /// All the handshakes come as far as the backend's answer, which it keeps back; then it gives all of them at once.
    @Test(arguments: ["tcp", "http"]) func handshakesWithBackendsLeaveRunningSessionsResponsive(_ mode: String) throws {
      let certificate = try authority.issue("a", ["DNS:localhost"], kind: .rsa)
      let port = try FreePort.take()
      let flooding = try ChildProcess([
        "/usr/bin/python3", "-c", Self.server, "\(port)", certificate.certificate, certificate.key, "\(Self.count)",
        mode,
      ])
      try flooding.output.waitForLine(containing: "listening")
      let serving = try TLSServer("s", authority.issue("s", ["DNS:localhost"]), isHTTP: mode == "http")
      let other = Address.ipv4(try FreePort.take())
      // The handshake belongs to the connect.
      let pool = #""health": "off", "tls": { "ca": "root.pem" }, "timeouts": { "connect": "120s" }"#
      _ = try site.balancer(
        """
        {
          "workers": 1,
          "listeners": {
            "flooded": { "listen": "\(site.front)", "mode": "\(mode)", "pool": "flooded" },
            "running": { "listen": "\(other)", "mode": "\(mode)", "pool": "running" }
          },
          "pools": {
            "flooded": { "backends": ["localhost:\(port)"], \(pool) },
            "running": { "backends": [\(serving.json())], \(pool) }
          }
        }
        """)
      let running = try Running(other, mode)
      let flood = try (0..<Self.count).map { _ in
        let wire = try site.wire()
        if mode == "http" { try wire.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n") }
        return wire
      }
      try flooding.output.waitForLine(containing: "held")
      // Backends that do not answer hold nobody else up.
      for _ in 0..<100 { try running.serve() }
      #expect(!flood.contains { $0.hasNews })

      flooding.signal(SIGUSR1)
      var answers = 0
      let deadline = Deadline(in: .seconds(120))
      while !flood.allSatisfy(\.hasNews) {
        try running.serve()
        answers += 1
        if deadline.hasPassed { throw Failure("the flood is not over, after \(answers) answers") }
      }
      #expect(answers >= Self.fewestAnswers)
      for wire in flood {
        if mode == "http" {
          #expect(try wire.response().text == "late")
        } else {
          #expect(try wire.take(until: "\n") == "late\n")
        }
      }
    }

    /// One by one they would take fifty turns of the loop; all at once, there would be hardly an answer before the last.
    private static let fewestAnswers = 10

    private static let server = """
      import signal, socket, ssl, sys

      port, certificate, key, count, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
      signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain(certificate, key)
      listener = socket.create_server(("127.0.0.1", port), backlog=1024)
      print("listening", flush=True)

      class Connection:
          def __init__(self, raw):
              self.raw, self.input, self.output = raw, ssl.MemoryBIO(), ssl.MemoryBIO()
              self.engine = context.wrap_bio(self.input, self.output, server_side=True)
          # As far as it goes, with what comes.
          def go(self, step, sends=True):
              while True:
                  try:
                      result = step()
                  except ssl.SSLWantReadError:
                      if self.output.pending and not sends: return None
                      if self.output.pending: self.raw.sendall(self.output.read())
                      data = self.raw.recv(65536)
                      if not data: raise SystemExit("the handshake is not done")
                      self.input.write(data)
                      continue
                  if self.output.pending: self.raw.sendall(self.output.read())
                  return result

      connections = [Connection(listener.accept()[0]) for _ in range(count)]
      for connection in connections: connection.go(connection.engine.do_handshake, sends=False)
      print("held", flush=True)
      signal.sigwait([signal.SIGUSR1])
      for connection in connections: connection.raw.sendall(connection.output.read())
      for connection in connections:
          connection.go(connection.engine.do_handshake)
          if mode == "http": connection.go(lambda: connection.engine.read(65536))
          answer = b"HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\nlate" if mode == "http" else b"late\\n"
          connection.go(lambda: connection.engine.write(answer))
      signal.sigwait([signal.SIGUSR1])
      """

    // MARK: Clients

    @Test(arguments: ["tcp", "http"]) func handshakesOfClientsLeaveRunningSessionsResponsive(_ mode: String) throws {
      let certificate = try authority.issue("a", ["DNS:a.example"], kind: .rsa)
      let backend = try site.backend(mode == "http" ? "" : "s") { socket in
        if mode == "tcp" { return try TestBackend.echo(socket) }
        let wire = Wire(socket)
        while try wire.request() != nil { try wire.answer("200 OK", "x") }
      }
      _ = try site.balancer(
        site.configuration(
          [backend.json],
          listener:
            #""mode": "\#(mode)", "tls": { "certificates": [\#(certificate.json)] }, "timeouts": { "handshake": "120s" }"#,
          top: #""workers": 1"#))
      let result = try ChildProcess.run(
        [
          "/usr/bin/python3", "-c", Self.client, "\(try #require(site.front.port))", authority.certificate,
          "\(Self.count)", mode,
        ], within: .seconds(120))
      #expect(result.exit == .status(0), "\(result.errors)")
      let words = result.output.split(separator: "\n").compactMap { Int($0) }
      // While all of them stand still within their hellos, and while all go on at once.
      #expect(words.count == 2 && words[0] == 100 && words[1] >= Self.fewestAnswers, "\(result.output)")
    }

    private static let client = """
      import select, socket, ssl, sys

      port, authority, count, mode = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
      context = ssl.create_default_context(cafile=authority)

      def connect(): return socket.create_connection(("127.0.0.1", port), timeout=60)
      def serve(stream, greeting):
          if mode == "http":
              stream.sendall(b"GET / HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n")
              text = b""
              while not text.endswith(b"\\r\\n\\r\\nx"): text += stream.recv(4096) or sys.exit("not served: %r" % text)
          else:
              for expected in [b"s\\n"] * greeting + [b"x"]:
                  if expected == b"x": stream.sendall(b"x")
                  text = b""
                  while text != expected: text += stream.recv(len(expected)) or sys.exit("not served: %r" % text)

      running = context.wrap_socket(connect(), server_hostname="a.example")
      serve(running, True)

      class Client:
          def __init__(self):
              self.raw, self.input, self.output = connect(), ssl.MemoryBIO(), ssl.MemoryBIO()
              self.engine = context.wrap_bio(self.input, self.output, server_hostname="a.example")
              try: self.engine.do_handshake()
              except ssl.SSLWantReadError: self.hello = self.output.read()
          def go(self, step):
              while True:
                  try: result = step()
                  except ssl.SSLWantReadError: result = None
                  if self.output.pending: self.raw.sendall(self.output.read())
                  if result is not None: return result
                  self.input.write(self.raw.recv(65536) or sys.exit("closed"))
          def recv(self, count): return self.go(lambda: self.engine.read(count))
          def sendall(self, data): self.go(lambda: self.engine.write(data))
          def finish(self):
              self.go(lambda: self.engine.do_handshake() or True)
              serve(self, True)

      flood = [Client() for _ in range(count)]
      for client in flood: client.raw.sendall(client.hello[:100])
      poll = select.poll()
      for client in flood: poll.register(client.raw, select.POLLIN)
      answers = 0
      for _ in range(100):
          serve(running, False)
          answers += 1
      if poll.poll(0): sys.exit("somebody was answered who had said nothing")
      print(answers)
      for client in flood: client.raw.sendall(client.hello[100:])
      answers, waiting = 0, count
      while waiting:
          serve(running, False)
          answers += 1
          for descriptor, _ in poll.poll(0):
              poll.unregister(descriptor)
              waiting -= 1
      print(answers)
      for client in flood: client.finish()
      """
  }
}
