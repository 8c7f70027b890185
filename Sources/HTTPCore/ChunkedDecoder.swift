/// Reads a body that comes in chunks (RFC 9112, 7.1), wherever it is cut, and copies nothing.
///
///     var position = head.length
///     while true {
///       switch decoder.next(in: buffer, from: &position) {
///       case .data(let range): // bytes of the body, in place; send them on
///       case .needMore:        // everything was consumed; position == buffer.count
///       case .trailers:        // fields follow, from `position` on: see TrailerSection
///       case .end:             // the body is complete; the next message begins at `position`
///       case .fault(let fault): // answer if that is still possible, and close both connections
///       }
///     }
///
/// The decoder is trivial and keeps all that it must between two calls, so a session holds it, and no bytes, at rest.
/// Extensions are bounded and dropped. The only ends of lines are a carriage return and a line feed.
public struct ChunkedDecoder: Sendable, BitwiseCopyable {
  public enum Event: Equatable, Sendable {
    case data(Range<Int>)
    case needMore
    case trailers
    case end
    case fault(MessageFault)
  }

  private enum State: UInt8, Sendable {
    case size, afterSize, extensions, sizeLineFeed
    case data
    case dataCarriageReturn, dataLineFeed
    case afterLast, endLineFeed
    case done
  }

  /// Bytes that sizes and extensions may have beyond those of the body: what would be a flood of tiny chunks with long
  /// extensions. Chunks of one byte without extensions always pass.
  public static let mostOverhead = 16 << 10

  /// Digits of a size, zeros in front counted.
  static let mostDigits: UInt8 = 16

  private var state = State.size
  private var digits: UInt8 = 0
  private var overhead: UInt32 = 0
  /// Of the size as far as it is read; then, of the chunk, what is still to come.
  private var remaining: UInt64 = 0
  /// Bytes of the body, as all sizes so far say.
  public private(set) var length: UInt64 = 0
  private let limit: UInt64

  /// - Parameter limit: the body's largest length (`http.maxBody`).
  public init(limit: UInt64 = UInt64(Int64.max)) { self.limit = limit }

  /// Whether `end` has been answered.
  public var isDone: Bool { state == .done }

  /// Reads on from `position`, and moves it behind what it has read.
  public mutating func next(in bytes: UnsafeRawBufferPointer, from position: inout Int) -> Event {
    while position < bytes.count {
      if state == .data {
        let count = Int(min(remaining, UInt64(bytes.count &- position)))
        let range = position..<position &+ count
        position &+= count
        remaining &-= UInt64(count)
        if remaining == 0 { state = .dataCarriageReturn }
        return .data(range)
      }
      if state == .done { return .end }
      let byte = bytes[position]
      if state == .afterLast, byte != Byte.carriageReturn { return .trailers }
      if let fault = take(byte) { return .fault(fault) }
      position &+= 1
      if state == .done { return .end }
    }
    return state == .done ? .end : .needMore
  }

  /// One byte that is not of the body.
  private mutating func take(_ byte: UInt8) -> MessageFault? {
    switch state {
    case .size:
      if let digit = Byte.hexValue(byte) {
        guard digits < Self.mostDigits, remaining >> 59 == 0 else { return .badChunkSize }
        remaining = remaining << 4 | UInt64(digit)
        digits &+= 1
        return count(1)
      }
      guard digits > 0 else { return .badChunkSize }
      return takeAfterSize(byte)
    case .afterSize:
      // Blanks are allowed before a semicolon only (RFC 9112, 7.1.1, BWS).
      return takeAfterSize(byte)
    case .extensions:
      if byte == Byte.carriageReturn {
        state = .sizeLineFeed
        return nil
      }
      guard byte >= 0x20 && byte != 0x7F || byte == Byte.tab else { return .badChunkExtension }
      return count(1)
    case .sizeLineFeed:
      return byte == Byte.lineFeed ? beginData() : .badChunkExtension
    case .dataCarriageReturn:
      guard byte == Byte.carriageReturn else { return .badChunkEnd }
      state = .dataLineFeed
    case .dataLineFeed:
      guard byte == Byte.lineFeed else { return .badChunkEnd }
      state = .size
    case .afterLast:
      state = .endLineFeed
    case .endLineFeed:
      guard byte == Byte.lineFeed else { return .bareLineEnd }
      state = .done
    case .data, .done:
      break
    }
    return nil
  }

  private mutating func takeAfterSize(_ byte: UInt8) -> MessageFault? {
    switch byte {
    case Byte.semicolon: state = .extensions
    case Byte.space, Byte.tab: state = .afterSize
    case Byte.carriageReturn where state == .size:
      state = .sizeLineFeed
      return nil
    default: return .badChunkSize
    }
    return count(1)
  }

  /// The line with the size has ended.
  private mutating func beginData() -> MessageFault? {
    digits = 0
    guard remaining > 0 else {
      state = .afterLast
      return nil
    }
    // Both are below 2^63, so the sum fits.
    length &+= remaining
    guard length <= limit else { return .bodyTooLarge }
    // What an honest chunk costs is forgiven: its size, and as much again as it carries.
    let earned = UInt32(truncatingIfNeeded: min(remaining, 1 << 20)) &+ 16
    overhead = overhead > earned ? overhead &- earned : 0
    state = .data
    return nil
  }

  private mutating func count(_ bytes: UInt32) -> MessageFault? {
    overhead &+= bytes
    return overhead > Self.mostOverhead ? .chunkExtensionsTooLong : nil
  }
}
