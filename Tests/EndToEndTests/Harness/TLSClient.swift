import Foundation
import Testing

/// A TLS client of another making: Python's, which is OpenSSL's.
struct TLSClient {
  /// What became of a connection.
  struct Visit: Decodable {
    /// What the server said first; nil when it did not come to that.
    let said: String?
    let error: String?
    let version: String?
    let cipher: String?
    let alpn: String?
    let resumed: Bool?
    /// The names of the server's certificate, where it was verified.
    let names: [String]?
    /// SHA-256 of the server's certificate.
    let certificate: String?
  }

  var port: UInt16
  /// Whom it asks for; nil: nobody.
  var name: String? = "a.example"
  /// What it trusts; nil: whatever is shown.
  var ca: String?
  var certificate: Authority.Certificate?
  var minimum: String?
  var maximum: String?
  var alpn: [String] = []
  var ciphers: String?

  init(_ address: Address, ca: String? = nil, name: String? = "a.example", maximum: String? = nil) throws {
    port = try #require(address.port)
    self.ca = ca
    self.name = name
    self.maximum = maximum
  }

  func with(_ change: (inout TLSClient) -> Void) -> TLSClient {
    var copy = self
    change(&copy)
    return copy
  }

  /// - Parameter ports: the connections to make, one after the other; each tries to go on with the session of the one before.
  func visits(_ ports: [UInt16]) throws -> [Visit] {
    let settings: [String: Any?] = [
      "ports": ports, "name": name, "ca": ca, "cert": certificate?.certificate, "key": certificate?.key,
      "min": minimum, "max": maximum, "alpn": alpn, "ciphers": ciphers,
    ]
    let json = try JSONSerialization.data(withJSONObject: settings.mapValues { $0 ?? NSNull() })
    let result = try ChildProcess.run(["/usr/bin/python3", "-c", Self.program, String(decoding: json, as: UTF8.self)])
    guard result.exit == .status(0) else { throw Failure("the client failed: \(result.errors)") }
    return try result.output.split(separator: "\n").map { line in
      try JSONDecoder().decode(Visit.self, from: Data(line.utf8))
    }
  }

  func visit() throws -> Visit { try #require(try visits([port]).first) }
  func visits(_ count: Int) throws -> [Visit] { try visits(Array(repeating: port, count: count)) }

  private static let program = """
    import hashlib, json, socket, ssl, sys

    given = json.loads(sys.argv[1])
    versions = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if given["ca"]:
        context.load_verify_locations(given["ca"])
        context.check_hostname = given["name"] is not None
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if given["cert"]: context.load_cert_chain(given["cert"], given["key"])
    if given["min"]: context.minimum_version = versions[given["min"]]
    if given["max"]: context.maximum_version = versions[given["max"]]
    if given["alpn"]: context.set_alpn_protocols(given["alpn"])
    if given["ciphers"]: context.set_ciphers(given["ciphers"])

    session = None
    for port in given["ports"]:
        visit = {}
        try:
            raw = socket.create_connection(("127.0.0.1", port), timeout=20)
            with context.wrap_socket(raw, server_hostname=given["name"], session=session) as stream:
                visit["version"], visit["cipher"] = stream.version(), stream.cipher()[0]
                visit["alpn"], visit["resumed"] = stream.selected_alpn_protocol(), stream.session_reused
                visit["certificate"] = hashlib.sha256(stream.getpeercert(True)).hexdigest()
                visit["names"] = [value for _, value in stream.getpeercert().get("subjectAltName", ())]
                said = b""
                while not said.endswith(b"\\n"):
                    data = stream.recv(4096)
                    if not data: raise ConnectionError("closed")
                    said += data
                visit["said"] = said.decode().rstrip("\\n")
                session = stream.session
        except OSError as error:
            visit["error"] = str(error)
        print(json.dumps(visit), flush=True)
    """
}

/// A server of another making that says its name, and what it knows of its client, to whoever has shaken hands, and then
/// sends back whatever comes.
final class TLSServer {
  let port: UInt16
  private let process: ChildProcess

  /// - Parameters:
  ///   - clientCA: it wants a certificate of a client.
  ///   - hello: the bytes that it says instead of its name.
  ///   - isHTTP: it answers each request, with the same words and the number of the connection behind them.
  init(
    _ name: String, _ certificate: Authority.Certificate, clientCA: String? = nil, maximum: String? = nil,
    alpn: [String] = [], hello: String? = nil, waits: Bool = false, isHTTP: Bool = false, port: UInt16? = nil
  ) throws {
    self.port = try port ?? FreePort.take()
    let settings: [String: Any?] = [
      "name": name, "port": self.port, "cert": certificate.certificate, "key": certificate.key, "ca": clientCA,
      "max": maximum, "alpn": alpn, "hello": hello, "waits": waits, "http": isHTTP,
    ]
    let json = try JSONSerialization.data(withJSONObject: settings.mapValues { $0 ?? NSNull() })
    process = try ChildProcess(["/usr/bin/python3", "-c", Self.program, String(decoding: json, as: UTF8.self)])
    try process.output.waitForLine(containing: "listening")
  }

  /// As it stands in `backends`.
  func json(host: String = "localhost", _ keys: String = "") -> String {
    #"{ "address": "\#(host):\#(port)"\#(keys.isEmpty ? "" : ", " + keys) }"#
  }

  private static let program = """
    import itertools, json, socket, ssl, sys, threading

    given = json.loads(sys.argv[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(given["cert"], given["key"])
    if given["ca"]:
        context.load_verify_locations(given["ca"])
        context.verify_mode = ssl.CERT_REQUIRED
    if given["max"] == "1.2": context.maximum_version = ssl.TLSVersion.TLSv1_2
    if given["alpn"]: context.set_alpn_protocols(given["alpn"])
    asked = {}
    context.sni_callback = lambda stream, name, _: asked.__setitem__(stream, name)
    listener = socket.create_server(("127.0.0.1", given["port"]), backlog=1024)

    def serve(connection, number):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(connection, server_side=True) as stream:
                certificate = stream.getpeercert() if given["ca"] else None
                client = certificate["subject"][0][0][1] if certificate else "-"
                words = [given["name"], str(asked.pop(stream, None)), client, str(stream.selected_alpn_protocol()),
                    "resumed" if stream.session_reused else "full"]
                if given["http"]:
                    body = " ".join(words[:3] + [str(number)])
                    with stream.makefile("rb") as requests:
                        for line in requests:
                            if line != b"\\r\\n": continue
                            head = "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
                            stream.sendall((head + body).encode())
                    return
                if given["waits"]: stream.recv(65536)
                stream.sendall((given["hello"] or " ".join(words) + "\\n").encode())
                while data := stream.recv(65536):
                    stream.sendall(data)
        except OSError:
            pass

    print("listening", flush=True)
    for number in itertools.count(1):
        threading.Thread(target=serve, args=(listener.accept()[0], number), daemon=True).start()
    """
}
