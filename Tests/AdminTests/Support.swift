import HTTPCore
import Testing

@testable import Admin

/// What the server makes of a request that came as a whole.
func request(_ text: String) throws -> AdminRequest {
  var fields = FieldTable()
  var progress = HeadProgress()
  return try Array(text.utf8).withUnsafeBytes { bytes in
    guard case .head(let head) = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &fields)
    else {
      throw NoHead()
    }
    return try AdminRequest(head, fields, of: bytes)
  }
}

/// One with the fields that every request has.
func request(_ method: String, _ target: String, _ fields: String...) throws -> AdminRequest {
  try request(
    "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n")
}

struct NoHead: Error {}

/// The error that a request ends with; nil where it ends with none.
func error<Value>(of body: () throws -> Value) -> AdminError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? AdminError
  }
}
