import Base
import Compression
import HTTPCore
import HTTPProxy
import Reactor

/// What of a request is asked for again when its fields have made room for others. Ranges are into `Exchange.request`.
struct RequestNotes: BitwiseCopyable {
  /// Whose request it is: the connection's peer, or whom trusted proxies vouch for; nil for a unix socket.
  var client: IPAddress?
  var name = RequestName.none
  /// What its client can decode, where responses are compressed.
  var accepted = AcceptedCodings()
  /// Whom its cookie names, where the pool asks for one.
  var visit: StickyTokens.Visit?
  var access = AccessNotes()
}

/// What a request is called in the log and at the backend (`http.requestId`).
enum RequestName: BitwiseCopyable {
  case none
  /// As somebody who is trusted has named it.
  case given(ByteRange)
  case own(InlineArray<36, UInt8>)
}

extension Worker {
  /// - Parameters:
  ///   - head, bytes: of the request whose fields are in the table now.
  mutating func note(
    _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, of client: UnsafeMutablePointer<HTTPClient>
  ) {
    var notes = RequestNotes()
    notes.client = client.pointee.address
    if client.pointee.isTrusted { notes.client = clientBehind(client, bytes) }
    if let field = client.pointee.http.requestID { notes.name = name(field.bytes, bytes, client) }
    if client.pointee.http.compression != nil { notes.accepted = acceptedCodings(bytes) }
    if http.access != nil { takeNotes(for: &notes.access, bytes, client) }
    http.notes = notes
  }

  // MARK: Names

  private mutating func name(
    _ field: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer, _ client: UnsafeMutablePointer<HTTPClient>
  ) -> RequestName {
    if client.pointee.isTrusted, let index = http.requestFields.index(named: field, in: bytes) {
      let value = http.requestFields[index].value
      if RequestIDs.isAcceptable(bytes[value]) { return .given(value) }
    }
    var text = InlineArray<36, UInt8>(repeating: 0)
    let time = WallTime(nanosecondsSinceEpoch: Clock.wallNanoseconds)
    withUnsafeMutableBytes(of: &text) { _ = http.names.write(at: time, to: $0) }
    return .own(text)
  }

  /// What a request is called, in memory that lasts until the next call.
  mutating func text(of name: RequestName, in request: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    switch name {
    case .none: return nil
    case .given(let range): return request[range]
    case .own(let text):
      withUnsafeBytes(of: text) { http.nameText.copyMemory(from: $0) }
      return UnsafeRawBufferPointer(http.nameText)
    }
  }

  // MARK: Clients behind proxies

  /// The client that a chain of trusted proxies names, in the field that the listener writes itself: proxies that are asked
  /// for one of the two pass the other on as it came.
  private mutating func clientBehind(_ client: UnsafeMutablePointer<HTTPClient>, _ bytes: UnsafeRawBufferPointer)
    -> IPAddress?
  {
    guard let trusted = client.pointee.service.trustedProxies, let peer = client.pointee.address else { return nil }
    let isForwarded: Bool
    switch client.pointee.http.forwarded {
    case .forwarded: isForwarded = true
    case [.forwarded, .xForwarded]: isForwarded = !http.requestFields.contains(.xForwardedFor)
    default: isForwarded = false
    }
    let known = isForwarded ? KnownField.forwarded : .xForwardedFor
    guard http.requestFields.contains(known) else { return peer }
    var walk = ForwardedAddress(peer: peer, trusted: trusted)
    var index = http.requestFields.count - 1
    while index >= 0, walk.isOpen {
      let field = http.requestFields[index]
      if field.known == known, !field.isDropped {
        walk.read(bytes[field.value], isForwarded ? .forwarded : .forwardedFor, trusted: trusted)
      }
      index -= 1
    }
    return walk.client
  }
}
