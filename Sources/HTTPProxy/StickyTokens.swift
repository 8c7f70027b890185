import Base
import TLS

/// What stands in a client's cookie for each backend of a pool, so that it comes back to the same one.
///
/// A token is 16 bytes of HMAC-SHA-256 over the names of pool and backend. A client can keep the one it was given and can
/// neither make one for another backend nor read a name from it. Tokens are made when a pool is built or changed: a request
/// costs a look-up. The same key gives the same tokens again: the key is to live as long as the process, through every reload.
///
/// Several machines agree where their keys are derived from the same secret (`MessageKey.derived(from:purpose:)`), such as the
/// files of ticket keys that they share. With keys of their own, a client that changes machines is balanced anew, which also
/// happens after a restart.
public struct StickyTokens: Sendable {
  struct Token: Equatable, Sendable, BitwiseCopyable {
    var high: UInt64
    var low: UInt64
  }

  /// What a cookie says.
  public struct Visit: Equatable, Sendable, BitwiseCopyable {
    /// The index of the backend, as they were handed in.
    public var backend: Int
    /// Seconds since 1970 when the cookie was set. Nobody vouches for it: it only says whether to set it again.
    public var issued: Int64
    /// Signed with the first key; otherwise it is time for a new cookie.
    public var isCurrent: Bool
  }

  private struct Place: Sendable {
    var token: Token
    /// -1: nothing is here.
    var backend: Int32
    var isCurrent: Bool
  }

  /// Of the first key, in the order of the backends.
  private let tokens: [Token]
  /// An open-addressed table with at most half its places taken, found by a hash that nobody outside can compute: how long a
  /// look-up takes tells nothing of the tokens.
  private let places: [Place]
  private let mask: Int
  private let seed: UInt64

  /// - Parameters:
  ///   - keys: the first signs, those behind it are from before a change and still valid; at least one.
  ///   - pool: its name.
  ///   - backends: their names, which are what a client is kept at, whatever becomes of their addresses.
  /// - Returns: nil when there is no memory.
  public init?(keys: [MessageKey], pool: String, backends: [String]) {
    precondition(!keys.isEmpty)
    var size = 4
    while size < keys.count * backends.count * 2 { size *= 2 }
    var places = [Place](repeating: Place(token: Token(high: 0, low: 0), backend: -1, isCurrent: false), count: size)
    var first: [Token] = []
    var seed: UInt64 = 0
    for (number, key) in keys.enumerated() {
      guard var authenticator = MessageAuthenticator(key) else { return nil }
      if number == 0 {
        guard let code = Self.code(&authenticator, ["seed", pool]) else { return nil }
        seed = code.words.0
      }
      for (index, backend) in backends.enumerated() {
        guard let code = Self.code(&authenticator, ["token", pool, backend]) else { return nil }
        let token = Token(high: code.words.0, low: code.words.1)
        if number == 0 { first.append(token) }
        var place = Self.hash(token, seed) & (size - 1)
        while places[place].backend >= 0, places[place].token != token { place = (place + 1) & (size - 1) }
        if places[place].backend < 0 {
          places[place] = Place(token: token, backend: Int32(index), isCurrent: number == 0)
        }
      }
    }
    tokens = first
    self.places = places
    mask = size - 1
    self.seed = seed
  }

  private static func code(_ authenticator: inout MessageAuthenticator, _ fields: [String]) -> MessageCode? {
    authenticator.begin()
    for field in fields { Array(field.utf8).withUnsafeBytes { authenticator.add($0) } }
    return authenticator.finish()
  }

  private static func hash(_ token: Token, _ seed: UInt64) -> Int {
    withUnsafeBytes(of: token) { Int(truncatingIfNeeded: StableHash.of(bytes: $0, seed: seed) >> 1) }
  }

  // MARK: Values

  /// Characters of a value: 32 of the token, and 8 of the time.
  public static let valueLength = 40

  /// Reads a cookie's value; nil when it is none of ours, or its backend is gone.
  public func visit(_ value: UnsafeRawBufferPointer) -> Visit? {
    guard value.count == Self.valueLength,
      let high = Hexadecimal.read(value, at: 0, digits: 16), let low = Hexadecimal.read(value, at: 16, digits: 16),
      let issued = Hexadecimal.read(value, at: 32, digits: 8)
    else { return nil }
    let token = Token(high: high, low: low)
    var place = Self.hash(token, seed) & mask
    while places[place].backend >= 0 {
      let found = places[place]
      if (found.token.high ^ high) | (found.token.low ^ low) == 0 {
        return Visit(backend: Int(found.backend), issued: Int64(issued), isCurrent: found.isCurrent)
      }
      place = (place + 1) & mask
    }
    return nil
  }

  /// Writes the value for a backend.
  /// - Parameters:
  ///   - issued: seconds since 1970; the field lasts until 2106.
  ///   - buffer: at least `valueLength` bytes.
  public func write(_ backend: Int, issued: Int64, to buffer: UnsafeMutableRawBufferPointer) {
    let token = tokens[backend]
    Hexadecimal.write(token.high, digits: 16, to: buffer, at: 0)
    Hexadecimal.write(token.low, digits: 16, to: buffer, at: 16)
    Hexadecimal.write(UInt64(min(max(issued, 0), Int64(UInt32.max))), digits: 8, to: buffer, at: 32)
  }
}
