import Balancing
import Base
import Compression
import HTTPCore

/// One request and its response.
struct Exchange: ~Copyable {
  enum Phase: UInt8 {
    /// No backend yet.
    case waiting
    case connecting
    /// The request is on its way, or the response.
    case answering
  }

  let client: Handle
  /// Ranges into `request`.
  let head: RequestHead
  /// The head as it came, and the body behind it if all of that was there and is small: enough to send it again.
  var request: HeldBytes
  /// Bytes of the body in `request`; nil when it is not there.
  var keptBody: Int?
  var notes: RequestNotes
  let destination: Destination
  /// The route that it has come by; nil where none took it.
  let route: HTTPRoutes.Entry?
  var phase = Phase.waiting
  /// The backend that this exchange counts for.
  var backend: Backend?
  /// Its connection.
  var server = Handle.none
  /// What is still to come of the request's body.
  var requestBody: BodyReader
  var requestChunks = ChunkedEncoder()
  /// Something of the body was sent that is not kept: it cannot be sent again.
  var hasSpentBody = false
  /// A backend may have got something of it: what changes things is not sent again.
  var isBegun = false
  /// The request is with the backend as a whole.
  var isSent = false
  /// The connection had served others before: it may have been closed while we wrote.
  var isReused = false
  /// Only a new connection is good enough.
  var needsFresh = false
  /// The backend has said something on this exchange.
  var hasAnswer = false
  var responseBody = BodyReader(.none)
  var responseFraming = BodyFraming.none
  var responseChunks = ChunkedEncoder()
  /// What compresses the response, and the name of its coding.
  var encoder: EncoderPool.Loan?
  var coding: StaticString?
  /// The encoder holds bytes that the client could have.
  var needsFlush = false
  /// The response goes out as it came and another client would get it compressed.
  var varies = false
  /// The response has no content, and this client would get it compressed: what it says of a length and its tag is not so.
  var wouldEncode = false
  /// The head of the response, as sent to the client; 0 before.
  var status: UInt16 = 0
  var interims: UInt8 = 0
  /// Whether the backend's connection can be used again.
  var keepsServer = false
  /// Whether the client's can.
  var keepsClient = true
  /// The request authenticates its connection: whoever came next on it would be that user.
  var isPersonal = false
  /// Whether the response's trailers, if it has any, are sent on.
  var forwardsTrailers = true
  var failures: UInt8 = 0
  /// How far its copy for another pool is, and the body of that.
  var mirror = MirrorState.none
  var copiedBody = HeldBytes()
  var awaitsRetry = false
  var isRetrying = false
  /// The wait for a backend ends here.
  var waitEnd: Instant
  let begun: Instant
  /// When the request was sent, to the nanosecond, where the scheduler wants to know.
  var sentAt = Instant.zero
  /// When it got its backend, and when the request was sent, to the nanosecond.
  var attempted = Instant.zero
  var requested = Instant.zero
  /// Where it is counted.
  var meters = MeterRows()
  /// It counts among the requests of its backend, and of its pool.
  var isCounted = false
  var isCountedByPool = false
  /// Bytes of the request and of the response, heads included.
  var bytesToBackend = 0
  /// Of the body alone, as far as it was not kept.
  var bodyReceived = 0
  var bytesToClient = 0

  /// Responses with 1xx that one request may have.
  static let mostInterims: UInt8 = 16
  /// Requests up to this size are kept until they are answered.
  static let mostKept = 16 << 10

  init(
    client: Handle, head: RequestHead, request: consuming HeldBytes, destination: Destination, notes: RequestNotes,
    route: HTTPRoutes.Entry?, maxBody: UInt64, now: Instant
  ) {
    self.client = client
    self.head = head
    self.request = request
    self.destination = destination
    self.notes = notes
    self.route = route
    requestBody = BodyReader(head.framing, limit: maxBody)
    begun = now
    waitEnd = now.later(destination.waitNanoseconds)
  }

  /// The retry under way, if there is one, has come to an end.
  mutating func endRetry() {
    if !isRetrying { return }
    isRetrying = false
    destination.pool.endRetry()
  }

  /// Whether it may be sent once more (RFC 9110, 9.2.2): nothing was answered, it is all there, and sending it twice means
  /// the same as once, or nothing of it has been sent.
  var isRepeatable: Bool { !hasAnswer && !hasSpentBody && (!isBegun || head.method.isIdempotent) }
}
