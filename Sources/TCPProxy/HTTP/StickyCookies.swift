import Balancing
import Base
import HTTPCore
import HTTPProxy
import Reactor
import TLS

/// The cookies that bring clients of a pool back to their backends: immutable, a part of its `Destination`.
public final class StickyCookies: Sendable {
  let cookie: StickyCookie
  let tokens: StickyTokens
  /// The hashes of the backends' names, in the order of the tokens.
  let hashes: [UInt64]
  private let indices: [UInt64: Int]

  /// - Parameters:
  ///   - keys: the same for as long as cookies are to count: the first signs, those behind it are still taken.
  ///   - backends: of the pool.
  /// - Returns: nil when there is no memory.
  public init?(_ cookie: StickyCookie, keys: [MessageKey], pool: String, backends: [Backend]) {
    guard let tokens = StickyTokens(keys: keys, pool: pool, backends: backends.map(\.name)) else { return nil }
    self.cookie = cookie
    self.tokens = tokens
    hashes = backends.map(\.nameHash)
    indices = Dictionary(zip(hashes, hashes.indices)) { first, _ in first }
  }

  func index(of backend: Backend) -> Int? { indices[backend.nameHash] }
}

extension Exchange {
  /// The hash of the name of the backend that its client had.
  var preferred: UInt64? {
    guard let visit = notes.visit, let cookies = destination.cookies else { return nil }
    return cookies.hashes[visit.backend]
  }
}

extension Worker {
  /// Whom the request's cookies name. Its fields are in the table now.
  mutating func visit(_ cookies: StickyCookies, _ bytes: UnsafeRawBufferPointer) -> StickyTokens.Visit? {
    var next = http.requestFields.index(of: .cookie, from: 0)
    while let index = next {
      if let visit = cookies.cookie.visit(in: bytes[http.requestFields[index].value], cookies.tokens) { return visit }
      next = http.requestFields.index(of: .cookie, from: index + 1)
    }
    return nil
  }

  /// Writes the Set-Cookie line of a response to the start of `HTTPWork.lines`.
  /// - Returns: its length; 0 where the client's cookie is good.
  mutating func setCookie(_ cookies: StickyCookies, _ exchange: UnsafeMutablePointer<Exchange>) -> Int {
    let time = WallTime(nanosecondsSinceEpoch: Clock.wallNanoseconds)
    guard let backend = exchange.pointee.backend, let index = cookies.index(of: backend),
      cookies.cookie.mustSet(exchange.pointee.notes.visit, served: index, now: time)
    else { return 0 }
    let name: StaticString = "Set-Cookie: "
    let start = name.utf8CodeUnitCount
    let size = start + cookies.cookie.length + 2
    let room = http.growLines(to: size)
    room.copyBytes(from: UnsafeRawBufferPointer(start: name.utf8Start, count: start))
    _ = cookies.cookie.write(
      cookies.tokens, backend: index, now: time,
      to: UnsafeMutableRawBufferPointer(rebasing: room[start..<size - 2]))
    room[size - 2] = 0x0D
    room[size - 1] = 0x0A
    return size
  }
}
