import Base

/// The cookie that keeps a client at its backend: its name, and what is said with it (RFC 6265, 4.1).
public struct StickyCookie: Sendable {
  /// Which requests from other sites carry it (RFC 6265bis, 4.1.2.7).
  public enum SameSite: String, Sendable {
    case strict = "Strict"
    case lax = "Lax"
    case none = "None"
  }

  /// Why such a cookie would not be kept by any client; finishes the sentence "the cookie `NAME` …".
  public struct Refused: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// Longest name, in bytes.
  public static let longestName = 128

  public let name: [UInt8]
  /// Nil: until the browser is closed.
  public let lifetime: Duration?
  private let prefix: [UInt8]
  private let suffix: [UInt8]

  /// - Parameters:
  ///   - lifetime: counted from the client's last visit, give or take an eighth.
  ///   - isSecure: sent over TLS only.
  ///   - isHTTPOnly: kept from scripts.
  public init(
    name: String, lifetime: Duration? = nil, isSecure: Bool, isHTTPOnly: Bool = true, sameSite: SameSite = .lax
  ) throws(Refused) {
    let bytes = Array(name.utf8)
    guard !bytes.isEmpty, bytes.count <= Self.longestName, bytes.allSatisfy(Self.isTokenByte) else {
      throw Refused(
        description: "needs a name of 1…\(Self.longestName) letters, digits and !#$%&'*+-.^_`|~ (RFC 6265, 4.1.1)")
    }
    if !isSecure {
      if sameSite == .none {
        throw Refused(description: "has SameSite=None, which browsers take only with \"secure\": true")
      }
      let small = name.lowercased()
      if small.hasPrefix("__host-") || small.hasPrefix("__secure-") {
        throw Refused(description: "has a name that browsers take only with \"secure\": true")
      }
    }
    self.name = bytes
    self.lifetime = lifetime
    prefix = bytes + [UInt8(ascii: "=")]
    var suffix = "; Path=/"
    if let lifetime { suffix += "; Max-Age=\(max(lifetime.components.seconds, 1))" }
    if isHTTPOnly { suffix += "; HttpOnly" }
    if isSecure { suffix += "; Secure" }
    self.suffix = Array("\(suffix); SameSite=\(sameSite.rawValue)".utf8)
  }

  /// tchar (RFC 9110, 5.6.2).
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  /// Who the client was with; nil for a new one, and for a cookie that is none of ours.
  /// - Parameter field: the value of a Cookie field.
  public func visit(in field: UnsafeRawBufferPointer, _ tokens: StickyTokens) -> StickyTokens.Visit? {
    CookieHeader.value(of: name, in: field).flatMap(tokens.visit)
  }

  /// Whether the response has to set the cookie: for a new client, for one that was sent elsewhere, after a
  /// change of keys, and again when an eighth
  /// of the lifetime is over, so that who keeps coming is kept. In between, responses stay without it, fit for caches.
  public func mustSet(_ visit: StickyTokens.Visit?, served backend: Int, now: WallTime) -> Bool {
    guard let visit, visit.backend == backend, visit.isCurrent else { return true }
    guard let lifetime else { return false }
    let age = now.nanosecondsSinceEpoch / 1_000_000_000 - visit.issued
    // A time that lies ahead was not set by us, or by a clock that was wrong.
    return age < -60 || age > lifetime.components.seconds / 8
  }

  /// Bytes of the value of Set-Cookie.
  public var length: Int { prefix.count + StickyTokens.valueLength + suffix.count }

  /// Writes the value of Set-Cookie for a backend: `NAME=…; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax`.
  /// - Parameter buffer: at least `length` bytes.
  /// - Returns: `length`.
  public func write(
    _ tokens: StickyTokens, backend: Int, now: WallTime, to buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    precondition(buffer.count >= length)
    buffer.copyBytes(from: prefix)
    let value = UnsafeMutableRawBufferPointer(rebasing: buffer[prefix.count..<prefix.count + StickyTokens.valueLength])
    tokens.write(backend, issued: now.nanosecondsSinceEpoch / 1_000_000_000, to: value)
    UnsafeMutableRawBufferPointer(rebasing: buffer[(prefix.count + StickyTokens.valueLength)...]).copyBytes(
      from: suffix)
    return length
  }
}
