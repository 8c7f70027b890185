import AccessLog
import Authentication
import Base
import HTTPCore
import Reactor

/// The access log as one worker has it.
struct AccessDesk {
  let log: AccessLogWriter
  var sampling: AccessSampling
}

/// What the access log is to tell of an exchange. The times are zero where there are none.
struct AccessNotes: BitwiseCopyable {
  /// Whether this exchange is logged at all; else the rest is not looked at.
  var isLogged = false
  /// Nil: whoever ends the exchange says it.
  var ending: AccessEnding?
  /// The first byte of the request, and the end of its head.
  var begun = Instant.zero
  var head = Instant.zero
  /// The first backend was free, and the last.
  var picked = Instant.zero
  var attempted = Instant.zero
  /// The connection stood; zero for one that was kept.
  var connected = Instant.zero
  var firstByte = Instant.zero
  var referer = ByteRange.empty
  var userAgent = ByteRange.empty
  var hasReferer = false
  var hasUserAgent = false
  /// The credentials, once they were found good.
  var user: ByteRange?

  /// A backend is free, and a connection to it is looked for.
  mutating func attempt(at now: Instant) {
    if picked == .zero { picked = now }
    attempted = now
    connected = .zero
  }
}

extension Worker {
  mutating func takeNotes(
    for log: inout AccessNotes, _ bytes: UnsafeRawBufferPointer, _ client: UnsafeMutablePointer<HTTPClient>
  ) {
    let begun = client.pointee.headBegan
    client.pointee.headBegan = .zero
    guard http.access?.sampling.next() == true else { return }
    log.isLogged = true
    log.head = Clock.now
    log.begun = begun == .zero ? log.head : begun
    if let field = http.requestFields.first(.referer) {
      log.referer = field.value
      log.hasReferer = true
    }
    if let field = http.requestFields.first(.userAgent) {
      log.userAgent = field.value
      log.hasUserAgent = true
    }
  }

  /// Logs an exchange that is over.
  /// - Parameters:
  ///   - status: of the answer; 0 for none.
  ///   - sent: bytes of its body.
  mutating func log(
    _ exchange: borrowing Exchange, _ client: UnsafeMutablePointer<HTTPClient>, _ ending: AccessEnding, status: UInt16,
    sent: Int
  ) {
    guard let desk = http.access else { return }
    var facts = facts(exchange.notes, client, ending, status: status, sent: sent)
    let access = exchange.notes.access
    facts.retries = exchange.failures
    facts.bytesReceived = UInt64(exchange.keptBody ?? exchange.bodyReceived)
    if access.picked != .zero { facts.queue = Self.microseconds(access.picked - access.head) }
    if access.connected != .zero { facts.connect = Self.microseconds(access.connected - access.attempted) }
    if access.firstByte != .zero { facts.firstByte = Self.microseconds(access.firstByte - access.head) }
    let bytes = UnsafeRawBufferPointer(exchange.request.bytes)
    let pool = exchange.destination.pool.name
    let backend = exchange.backend?.name
    AccessText.lend(pool) { pool in
      AccessText.lend(backend) { backend in
        write(
          facts, exchange.notes, client, exchange.head, bytes, pool: pool, backend: backend, to: desk.log)
      }
    }
  }

  /// Logs a request that is answered before it becomes an exchange. It is the one that has come last.
  mutating func logRefused(
    _ client: UnsafeMutablePointer<HTTPClient>, _ head: RequestHead, _ ending: AccessEnding, status: UInt16, sent: Int
  ) {
    guard http.notes.access.isLogged, let desk = http.access else { return }
    write(
      facts(
        http.notes, client, http.notes.access.ending ?? ending, status: status, sent: head.method == .head ? 0 : sent),
      http.notes, client, head, UnsafeRawBufferPointer(http.buffers.received(head.length)), pool: .none, backend: .none,
      to: desk.log)
  }

  /// Logs what was no request, or not all of one.
  mutating func logMalformed(
    _ client: UnsafeMutablePointer<HTTPClient>, _ ending: AccessEnding, status: UInt16
  ) {
    guard http.access != nil else { return }
    var notes = RequestNotes()
    notes.client = client.pointee.address
    takeNotes(for: &notes.access, UnsafeRawBufferPointer(start: nil, count: 0), client)
    notes.access.hasReferer = false
    notes.access.hasUserAgent = false
    guard notes.access.isLogged, let desk = http.access else { return }
    let page = client.pointee.http.errorPages.page(for: status)
    write(
      facts(notes, client, ending, status: status, sent: page.body.count), notes, client, nil,
      UnsafeRawBufferPointer(start: nil, count: 0), pool: .none, backend: .none, to: desk.log)
  }

  private mutating func facts(
    _ notes: RequestNotes, _ client: UnsafeMutablePointer<HTTPClient>, _ ending: AccessEnding, status: UInt16, sent: Int
  ) -> AccessRecord.Facts {
    var facts = AccessRecord.Facts()
    let total = Clock.now - notes.access.begun
    facts.time = WallTime(nanosecondsSinceEpoch: Clock.wallNanoseconds - total.nanoseconds)
    // Who comes through a unix socket has no address: `::`.
    facts.client = notes.client ?? .anyIPv6
    facts.clientPort = notes.client == client.pointee.address ? client.pointee.port : 0
    facts.status = status
    facts.ending = ending
    facts.isEncrypted = !client.pointee.connection.tls.isEmpty
    facts.bytesSent = UInt64(sent)
    facts.total = UInt64(max(0, total.nanoseconds / 1000))
    return facts
  }

  private mutating func write(
    _ facts: AccessRecord.Facts, _ notes: RequestNotes, _ client: UnsafeMutablePointer<HTTPClient>,
    _ head: RequestHead?, _ bytes: UnsafeRawBufferPointer, pool: AccessText, backend: AccessText,
    to log: AccessLogWriter
  ) {
    AccessText.lend(client.pointee.service.listener) { listener in
      var facts = facts
      if let head { facts.version = head.version == .http10 ? 10 : 11 }
      var record = AccessRecord(facts)
      var credentials: BasicCredentials?
      record.listener = listener
      record.pool = pool
      record.backend = backend
      if let head {
        record.method = AccessText(bytes[head.methodName])
        // Of an absolute form without its scheme and host, which stand in fields of their own.
        let target = head.target
        record.target = AccessText(
          bytes[target.form == .absolute ? ByteRange(Int(target.path.start), Int(target.whole.end)) : target.whole])
        if let authority = head.authority { record.host = AccessText(bytes[authority.host]) }
        if notes.access.hasReferer { record.referer = AccessText(bytes[notes.access.referer]) }
        if notes.access.hasUserAgent { record.userAgent = AccessText(bytes[notes.access.userAgent]) }
        credentials = notes.access.user.flatMap { try? BasicCredentials.read(bytes[$0]) }
        if let name = text(of: notes.name, in: bytes) { record.requestID = AccessText(name) }
      }
      if let credentials {
        credentials.user.withUnsafeBytes {
          record.user = AccessText($0)
          log.write(record, worker: index)
        }
        return
      }
      log.write(record, worker: index)
    }
  }

  private static func microseconds(_ time: Duration) -> UInt32 {
    UInt32(clamping: max(0, time.nanoseconds / 1000))
  }
}

extension AccessText {
  /// Lends the bytes of a name of the configuration; nil is a text that is missing.
  fileprivate static func lend(_ name: String?, _ body: (AccessText) -> Void) {
    guard var name else {
      body(.none)
      return
    }
    name.withUTF8 { body(AccessText(UnsafeRawBufferPointer($0))) }
  }
}

extension AccessEnding {
  /// Of an exchange that is answered here, where nothing more is known.
  init(answeredWith status: UInt16) {
    self =
      switch status {
      case 401, 403, 405, 429: .refused
      case 404: .answered
      case 408: .clientTimeout
      case 502: .badResponse
      case 503: .noBackend
      case 504: .backendTimeout
      case 500: .failed
      case 400...499: .badRequest
      default: .answered
      }
  }
}
