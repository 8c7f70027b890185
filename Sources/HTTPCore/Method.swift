/// The method of a request (RFC 9110, 9; PATCH: RFC 5789). Methods are case-sensitive.
public enum Method: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case get, head, post, put, delete, connect, options, trace, patch
  /// Any other token; it is forwarded as it came.
  case other

  @inline(__always)
  init(_ bytes: UnsafeRawBufferPointer) {
    switch bytes.count {
    case 3: self = Self.find(bytes, .get, .put)
    case 4: self = Self.find(bytes, .head, .post)
    case 5: self = Self.find(bytes, .patch, .trace)
    case 6: self = Self.find(bytes, .delete, .delete)
    case 7: self = Self.find(bytes, .options, .connect)
    default: self = .other
    }
  }

  @inline(__always)
  private static func find(_ bytes: UnsafeRawBufferPointer, _ first: Method, _ second: Method) -> Method {
    if bytes.elementsEqual(first.name.bytes) { return first }
    return bytes.elementsEqual(second.name.bytes) ? second : .other
  }

  /// As it is written; empty for `other`.
  public var name: StaticString {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .connect: "CONNECT"
    case .options: "OPTIONS"
    case .trace: "TRACE"
    case .patch: "PATCH"
    case .other: ""
    }
  }

  /// Whether sending it twice means the same as sending it once (RFC 9110, 9.2.2): what may be tried again elsewhere.
  public var isIdempotent: Bool {
    switch self {
    case .get, .head, .put, .delete, .options, .trace: true
    case .post, .connect, .patch, .other: false
    }
  }

  /// Whether it asks for nothing but an answer (RFC 9110, 9.2.1).
  public var isSafe: Bool {
    switch self {
    case .get, .head, .options, .trace: true
    default: false
    }
  }
}
