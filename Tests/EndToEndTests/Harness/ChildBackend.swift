import Foundation

/// A server in a process of its own, which can be killed: it says its name and sends back whatever comes.
final class ChildBackend {
  let name: String
  let port: UInt16
  private let process: ChildProcess

  private static let program = """
    import socket, sys, threading

    name, port = sys.argv[1].encode() + b"\\n", int(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    threading.stack_size(128 * 1024)

    def serve(connection):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(name)
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            pass
        connection.close()

    print("listening", flush=True)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    """

  init(_ name: String, port: UInt16) throws {
    self.name = name
    self.port = port
    process = try ChildProcess(["/usr/bin/python3", "-c", Self.program, name, "\(port)"])
    try process.output.waitForLine(containing: "listening")
  }

  var address: Address { .ipv4(port) }

  /// SIGKILL; returns when its sockets are closed.
  func kill() { process.kill() }

  func signal(_ number: Int32) { process.signal(number) }
}
