import Compression
import HTTPCore
import Reactor

/// Which responses of a listener are compressed, as far as its clients take that.
public struct HTTPCompression: Sendable {
  let types: CompressibleTypes
  let minimum: UInt64

  /// - Parameter minimum: bytes below which responses stay as they are.
  public init(_ types: CompressibleTypes, minimum: UInt64) {
    self.types = types
    self.minimum = minimum
  }
}

/// Compressing responses as they pass.
extension Worker {
  /// What the request's client can decode. Its fields are in the table now.
  mutating func acceptedCodings(_ bytes: UnsafeRawBufferPointer) -> AcceptedCodings {
    var codings = AcceptedCodings()
    AcceptEncoding.forEach(in: http.requestFields, of: bytes) { codings.add($0, weight: $1) }
    return codings
  }

  /// Decides about a response whose head is in the table, and takes an encoder for it.
  mutating func chooseCoding(
    _ compression: HTTPCompression, _ head: ResponseHead, _ bytes: UnsafeRawBufferPointer,
    _ exchange: UnsafeMutablePointer<Exchange>
  ) {
    var response = CompressionChoice.Response(status: Int(head.status))
    response.isToHead = exchange.pointee.head.method == .head
    response.contentType = http.responseFields.value(of: .contentType, in: bytes)
    response.contentLength = head.declaredLength
    if case .length(let length) = head.framing { response.contentLength = length }
    response.hasContentRange = http.responseFields.contains(.contentRange)
    response.isEncoded = has(.contentEncoding, bytes) { !AcceptEncoding.isIdentity($0) }
    response.forbidsTransform = has(.cacheControl, bytes) { CacheControl.forbidsTransform($0) }
    let choice = CompressionChoice(
      response, accepted: exchange.pointee.notes.accepted, types: compression.types, minimum: compression.minimum,
      available: http.encoders.available)
    if let coding = choice.coding, let loan = http.encoders.take(coding) {
      exchange.pointee.encoder = consume loan
      exchange.pointee.coding = coding.name
      exchange.pointee.responseFraming = head.framing(towards: exchange.pointee.head.version, isRecoded: true)
    } else {
      exchange.pointee.varies = choice.varies && !has(.vary, bytes) { Vary.coversAcceptEncoding($0) }
      exchange.pointee.wouldEncode = choice.wouldEncode
    }
  }

  /// Whether one of the response's fields of a name is so.
  private mutating func has(
    _ known: KnownField, _ bytes: UnsafeRawBufferPointer, _ isSo: (UnsafeRawBufferPointer) -> Bool
  ) -> Bool {
    var next = http.responseFields.index(of: known, from: 0)
    while let index = next {
      if isSo(bytes[http.responseFields[index].value]) { return true }
      next = http.responseFields.index(of: known, from: index + 1)
    }
    return false
  }

  /// Compresses a part of a body and sends what comes out.
  /// - Parameters:
  ///   - prefix: bytes of a head, at the start of `HTTPBuffers.head`, that go before it.
  mutating func sendEncoded(
    _ input: UnsafeRawBufferPointer, _ task: EncoderTask, _ exchange: UnsafeMutablePointer<Exchange>,
    _ client: UnsafeMutablePointer<HTTPClient>, prefix: Int = 0
  ) -> Delivery {
    var prefix = prefix
    var delivery = Delivery.sent
    if prefix > HTTPBuffers.headroom - ChunkedEncoder.room {
      let head = UnsafeRawBufferPointer(rebasing: http.buffers.head[..<prefix])
      delivery = http.buffers.send(head, to: &client.pointee.connection, more: true)
      if delivery == .failed { return .failed }
      prefix = 0
    }
    let isChunked = exchange.pointee.responseFraming == .chunked
    let output = http.buffers.takeEncoded()
    let base = output.baseAddress.unsafelyUnwrapped + HTTPBuffers.headroom
    let room = UnsafeMutableRawBufferPointer(start: base, count: HTTPBuffers.encodedSize)
    var rest = input
    exchange.pointee.needsFlush = task == .more
    while true {
      guard let step = exchange.pointee.encoder?.encode(rest, into: room, task) ?? nil else { return .failed }
      rest = UnsafeRawBufferPointer(rebasing: rest[step.consumed...])
      var start = base
      var count = step.produced
      if isChunked, count > 0 {
        let front = UnsafeMutableRawBufferPointer(start: base - ChunkedEncoder.room, count: ChunkedEncoder.room)
        let written = exchange.pointee.responseChunks.beginChunk(of: count, atEndOf: front)
        start -= written
        count += written
      }
      if isChunked {
        let behind = UnsafeMutableRawBufferPointer(start: base + step.produced, count: ChunkedEncoder.room)
        count +=
          step.isDone && task == .finish
          ? exchange.pointee.responseChunks.end(into: behind) : exchange.pointee.responseChunks.endChunk(into: behind)
      }
      if prefix > 0 {
        start -= prefix
        count += prefix
        start.copyMemory(from: http.buffers.head.baseAddress.unsafelyUnwrapped, byteCount: prefix)
        prefix = 0
      }
      exchange.pointee.bytesToClient &+= step.produced
      if count > 0 {
        delivery = http.buffers.send(
          UnsafeRawBufferPointer(start: start, count: count), to: &client.pointee.connection, more: !step.isDone)
        if delivery == .failed { return .failed }
      }
      if step.isDone { return delivery }
    }
  }
}
