/// Fields that mean something to an intermediary, found by their names while a head is read.
///
/// Fewer than 64, so that a set of them is a word.
public enum KnownField: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// Any other name.
  case other
  // Where a message goes and how long it is.
  case host, contentLength, transferEncoding, trailer, maxForwards
  // Of one connection only.
  case connection, keepAlive, proxyConnection, te, upgrade, http2Settings
  case proxyAuthenticate, proxyAuthorization, proxyAuthenticationInfo
  // Who it came from, and through whom.
  case forwarded, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedPort
  /// Any other name that begins with X-Forwarded-.
  case xForwardedOther
  case xRealIP, via, xRequestID, traceparent
  // What it is about.
  case authorization, cookie, setCookie, expect, date, server, userAgent, referer, origin
  case accept, acceptEncoding, acceptRanges, cacheControl, contentEncoding, contentRange, contentType
  case age, etag, ifMatch, ifNoneMatch, ifRange, lastModified, location, range, retryAfter, vary, wwwAuthenticate
  case strictTransportSecurity, altSvc

  /// In lower case; empty for `other`, the common beginning for `xForwardedOther`.
  public var name: StaticString {
    switch self {
    case .other: ""
    case .host: "host"
    case .contentLength: "content-length"
    case .transferEncoding: "transfer-encoding"
    case .trailer: "trailer"
    case .maxForwards: "max-forwards"
    case .connection: "connection"
    case .keepAlive: "keep-alive"
    case .proxyConnection: "proxy-connection"
    case .te: "te"
    case .upgrade: "upgrade"
    case .http2Settings: "http2-settings"
    case .proxyAuthenticate: "proxy-authenticate"
    case .proxyAuthorization: "proxy-authorization"
    case .proxyAuthenticationInfo: "proxy-authentication-info"
    case .forwarded: "forwarded"
    case .xForwardedFor: "x-forwarded-for"
    case .xForwardedProto: "x-forwarded-proto"
    case .xForwardedHost: "x-forwarded-host"
    case .xForwardedPort: "x-forwarded-port"
    case .xForwardedOther: "x-forwarded-"
    case .xRealIP: "x-real-ip"
    case .via: "via"
    case .xRequestID: "x-request-id"
    case .traceparent: "traceparent"
    case .authorization: "authorization"
    case .cookie: "cookie"
    case .setCookie: "set-cookie"
    case .expect: "expect"
    case .date: "date"
    case .server: "server"
    case .userAgent: "user-agent"
    case .referer: "referer"
    case .origin: "origin"
    case .accept: "accept"
    case .acceptEncoding: "accept-encoding"
    case .acceptRanges: "accept-ranges"
    case .cacheControl: "cache-control"
    case .contentEncoding: "content-encoding"
    case .contentRange: "content-range"
    case .contentType: "content-type"
    case .age: "age"
    case .etag: "etag"
    case .ifMatch: "if-match"
    case .ifNoneMatch: "if-none-match"
    case .ifRange: "if-range"
    case .lastModified: "last-modified"
    case .location: "location"
    case .range: "range"
    case .retryAfter: "retry-after"
    case .vary: "vary"
    case .wwwAuthenticate: "www-authenticate"
    case .strictTransportSecurity: "strict-transport-security"
    case .altSvc: "alt-svc"
    }
  }

  /// This field alone, as a set.
  @inlinable
  public var bit: UInt64 { 1 &<< UInt64(rawValue) }

  /// Fields that say where a message came from. A client that is not trusted may say what it likes, so they are taken
  /// from it (`Forwarding`).
  public static let forwarding: UInt64 =
    KnownField.forwarded.bit | KnownField.xForwardedFor.bit | KnownField.xForwardedProto.bit
    | KnownField.xForwardedHost.bit | KnownField.xForwardedPort.bit | KnownField.xForwardedOther.bit
    | KnownField.xRealIP.bit
}

extension KnownField {
  /// The field of this name, which is a token.
  ///
  /// Servers that hand fields to programs as variables (RFC 3875, 4.1.18) write an underscore for each hyphen, and then
  /// cannot tell `X_Forwarded_For` from `X-Forwarded-For`. So an underscore is read as a hyphen here; the field table
  /// drops what was only found that way.
  @inline(__always)
  static func find(_ name: UnsafeRawBufferPointer) -> KnownField {
    let found = byLength(name)
    if found == .other, name.count > xForwardedOther.name.utf8CodeUnitCount, begins(name, with: xForwardedOther) {
      return .xForwardedOther
    }
    return found
  }

  /// Two or three names of a length are left, which differ in the first letter for the most part.
  @inline(__always)
  private static func byLength(_ name: UnsafeRawBufferPointer) -> KnownField {
    switch name.count {
    case 2: first(name, .te)
    case 3: first(name, .via, .age)
    case 4: first(name, .host, .date, .etag, .vary)
    case 5: first(name, .range)
    case 6: first(name, .cookie, .accept, .server, .expect, .origin)
    case 7: first(name, .referer, .upgrade, .trailer, .altSvc)
    case 8: first(name, .ifMatch, .location, .ifRange)
    case 9: first(name, .forwarded, .xRealIP)
    case 10: first(name, .connection, .userAgent, .setCookie, .keepAlive)
    case 11: first(name, .traceparent, .retryAfter)
    case 12: first(name, .contentType, .xRequestID, .maxForwards)
    case 13: first(name, .cacheControl, .authorization, .ifNoneMatch, .contentRange, .lastModified, .acceptRanges)
    case 14: first(name, .contentLength, .http2Settings)
    case 15: first(name, .acceptEncoding, .xForwardedFor)
    case 16: first(name, .contentEncoding, .xForwardedHost, .xForwardedPort, .proxyConnection, .wwwAuthenticate)
    case 17: first(name, .xForwardedProto, .transferEncoding)
    case 18: first(name, .proxyAuthenticate)
    case 19: first(name, .proxyAuthorization)
    case 25: first(name, .strictTransportSecurity, .proxyAuthenticationInfo)
    default: .other
    }
  }

  @inline(__always)
  private static func first(
    _ name: UnsafeRawBufferPointer, _ a: KnownField, _ b: KnownField = .other, _ c: KnownField = .other,
    _ d: KnownField = .other, _ e: KnownField = .other, _ f: KnownField = .other
  ) -> KnownField {
    if begins(name, with: a) { return a }
    if b != .other, begins(name, with: b) { return b }
    if c != .other, begins(name, with: c) { return c }
    if d != .other, begins(name, with: d) { return d }
    if e != .other, begins(name, with: e) { return e }
    if f != .other, begins(name, with: f) { return f }
    return .other
  }

  /// Setting a bit makes letters small and leaves hyphens and digits alone; no other character of a token becomes one
  /// of these by it.
  @inline(__always)
  private static func begins(_ name: UnsafeRawBufferPointer, with known: KnownField) -> Bool {
    let text = known.name.utf8Start
    let count = known.name.utf8CodeUnitCount
    // No name begins with a hyphen.
    guard count > 0, name[0] | 0x20 == text[0] else { return false }
    var index = 0
    // Eight at a time, but for those with an underscore among them.
    while index &+ 8 <= count {
      let word = name.loadUnaligned(fromByteOffset: index, as: UInt64.self) | 0x2020_2020_2020_2020
      guard word == UnsafeRawPointer(text).loadUnaligned(fromByteOffset: index, as: UInt64.self) else { break }
      index &+= 8
    }
    while index < count {
      let byte = name[index]
      guard byte | 0x20 == text[index] || byte == 0x5F && text[index] == 0x2D else { return false }
      index &+= 1
    }
    return true
  }
}
