import Base
import HTTPCore
import Telemetry

/// What a request is answered.
public struct AdminAnswer: Sendable {
  enum Policy: Sendable {
    /// Nothing is to be run or shown.
    case data
    /// Only what comes from here, and nowhere but on a page of its own.
    case page

    var text: String {
      switch self {
      case .data: "default-src 'none'; frame-ancestors 'none'"
      case .page:
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
          + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
      }
    }
  }

  let status: UInt16
  let contentType: String
  /// Made by the server's thread, so that nobody else spends time on texts.
  let body: @Sendable () -> [UInt8]
  var policy = Policy.data
  /// Further fields, without their line ends.
  var fields: [String] = []

  public init(
    status: UInt16 = 200, contentType: String, body: @escaping @Sendable () -> [UInt8]
  ) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// The same with its body made, for several readers.
  var made: AdminAnswer {
    let bytes = body()
    var answer = AdminAnswer(status: status, contentType: contentType) { bytes }
    answer.policy = policy
    answer.fields = fields
    return answer
  }

  public static func json(_ status: UInt16 = 200, _ text: @escaping @Sendable () -> String) -> AdminAnswer {
    AdminAnswer(status: status, contentType: "application/json") { Array((text() + "\n").utf8) }
  }

  public static func text(_ status: UInt16 = 200, _ text: String) -> AdminAnswer {
    AdminAnswer(status: status, contentType: "text/plain; charset=utf-8") { Array(text.utf8) }
  }

  /// - Parameter add: adds what stands beside the error.
  public static func error(
    _ error: AdminError, _ add: @escaping @Sendable (inout JSONObject) -> Void = { _ in }
  ) -> AdminAnswer {
    var answer = AdminAnswer.json(error.code.status) {
      var object = JSONObject()
      add(&object)
      object.add("error", error.json)
      return object.closed()
    }
    if error.code == .unauthorized { answer.fields.append("WWW-Authenticate: Bearer") }
    if !error.allowed.isEmpty { answer.fields.append("Allow: \(error.allowed.joined(separator: ", "))") }
    return answer
  }
}

extension AdminAnswer {
  private static let standing = [
    "X-Content-Type-Options: nosniff", "Cache-Control: no-store", "Referrer-Policy: no-referrer",
    "X-Frame-Options: DENY", "Cross-Origin-Resource-Policy: same-origin", "Cross-Origin-Opener-Policy: same-origin",
  ]

  private var lines: String {
    (fields + Self.standing + ["Content-Security-Policy: \(policy.text)"]).map { $0 + "\r\n" }.joined()
  }

  /// Head and body.
  /// - Parameters:
  ///   - isHead: the request was a HEAD: the body stays away.
  ///   - now: seconds since 1970.
  func written(isHead: Bool, version: Version, keepsAlive: Bool, now: Int64) -> [UInt8] {
    let body = body()
    var head = LocalResponse(status: status)
    head.contentLength = body.count
    head.clientVersion = version
    head.keepsAlive = keepsAlive
    var date = [UInt8](repeating: 0, count: HTTPDate.length)
    date.withUnsafeMutableBytes { HTTPDate.write(secondsSinceEpoch: now, into: $0) }
    var room = [UInt8](repeating: 0, count: 1024)
    var type = contentType
    var extra = lines
    while true {
      let outcome = date.withUnsafeBytes { date in
        type.withUTF8 { type in
          extra.withUTF8 { extra in
            head.date = date
            head.contentType = UnsafeRawBufferPointer(type)
            head.extra = UnsafeRawBufferPointer(extra)
            return room.withUnsafeMutableBytes { head.write(into: $0) }
          }
        }
      }
      switch outcome {
      case .needsRoom(let count): room = [UInt8](repeating: 0, count: count)
      case .written(let count): return room[..<count] + (isHead ? [] : body)
      }
    }
  }

  /// The head before a stream of events, which has no length and ends with the connection.
  static func streamHead(now: Int64) -> [UInt8] {
    var date = [UInt8](repeating: 0, count: HTTPDate.length)
    date.withUnsafeMutableBytes { HTTPDate.write(secondsSinceEpoch: now, into: $0) }
    let lines = AdminAnswer(contentType: "") { [] }.lines
    let text = String(decoding: date, as: UTF8.self)
    return Array(
      "HTTP/1.1 200 OK\r\nDate: \(text)\r\nContent-Type: text/event-stream\r\n\(lines)Connection: close\r\n\r\n".utf8)
  }
}
