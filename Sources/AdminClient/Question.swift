import HTTPCore

/// What is asked of the admin server.
public struct Question: Sendable {
  public var method: Method
  /// Path and query, ready to be sent: see `segment`.
  public var target: String
  /// JSON.
  public var body: String?

  public init(_ method: Method, _ target: String, body: String? = nil) {
    self.method = method
    self.target = target
    self.body = body
  }

  /// A name as one segment of a path, or one value of a query: all but the unreserved characters escaped (RFC 3986, 2.3).
  public static func segment(_ name: String) -> String {
    var text = ""
    for byte in name.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        text += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    // A server takes these for the folder itself and the one above it (RFC 3986, 5.2.4), escaped or not, so they are
    // names that cannot be asked for; they are sent as they are and answered with a 404.
    return text
  }

  /// As it goes over the connection. Whoever asks once needs no connection to be kept.
  func bytes(host: String, token: String?) -> [UInt8] {
    var text = "\(method.name) \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\nUser-Agent: balancer\r\n"
    text += "Accept: application/json, text/event-stream\r\n"
    if let token { text += "Authorization: Bearer \(token)\r\n" }
    if method != .get {
      text += "Content-Type: application/json\r\nContent-Length: \(body?.utf8.count ?? 0)\r\n"
    }
    return Array((text + "\r\n" + (body ?? "")).utf8)
  }
}
