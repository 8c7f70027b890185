import Base

/// What the first message of a TLS connection says in the clear, read without consuming it (RFC 8446, 4.1.2).
///
/// With Encrypted Client Hello this is the outer message: its name is the one of the provider, and all that anybody on
/// the way can see.
public struct ClientHello: Equatable, Sendable {
  /// The name that the client wants to talk to (SNI), in lower case; nil when it names none, or an address.
  public var serverName: String?
  /// The protocols that the client offers (ALPN), in its order. Names that are no printable ASCII, as GREASE uses them
  /// (RFC 8701), are left out.
  public var protocols: [String]

  public init(serverName: String? = nil, protocols: [String] = []) {
    self.serverName = serverName
    self.protocols = protocols
  }
}

extension ClientHello {
  public enum Answer: Equatable, Sendable {
    /// No answer is possible before there are this many bytes, counted from the first. Asking again sooner does no harm.
    case needMore(minimum: Int)
    /// Some other protocol, known from its first or second byte on.
    case notTLS(NotTLS)
    case hello(ClientHello)
    /// It began as TLS and went wrong.
    case malformed(Malformed)
  }

  /// Bytes of a connection in which its ClientHello must end, counted from the first. Those of clients in use have 200
  /// to 2000.
  public static let longest = 16 * 1024
  /// A plaintext record (RFC 8446, 5.1).
  static let longestRecord = 16 * 1024

  /// Reads the hello at the start of a connection.
  ///
  /// Whoever sends a byte at a time, in records of a byte each, gets the same answer as who sends all at once.
  /// - Parameter bytes: everything received so far, from the first byte on; at most `longest` bytes are looked at.
  public static func peek(_ bytes: UnsafeRawBufferPointer) -> Answer {
    let bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(longest))
    guard let first = bytes.first else { return .needMore(minimum: 1) }
    guard first == handshake else { return .notTLS(.firstByte(first)) }
    guard bytes.count > 1 else { return .needMore(minimum: 2) }
    guard bytes[1] == majorVersion else { return .notTLS(.version(bytes[1])) }

    func needMore(_ minimum: Int) -> Answer {
      minimum <= longest ? .needMore(minimum: minimum) : .malformed(.tooLong)
    }
    // The type of the message and its length.
    var header: UInt32 = 0
    // Bytes of the message before this record, and in all as far as they are known.
    var gathered = 0
    var needed = messageHeader
    var offset = 0
    while true {
      if offset < bytes.count, bytes[offset] != handshake { return .malformed(.otherRecord(bytes[offset])) }
      if offset + 1 < bytes.count, bytes[offset + 1] != majorVersion {
        return .malformed(.recordVersion(bytes[offset + 1]))
      }
      guard bytes.count >= offset + recordHeader else { return needMore(offset + recordHeader) }
      let length = Int(bytes[offset + 3]) << 8 | Int(bytes[offset + 4])
      guard length > 0 else { return .malformed(.emptyRecord) }
      guard length <= longestRecord else { return .malformed(.longRecord(length)) }
      let start = offset + recordHeader
      let available = min(length, bytes.count - start)

      if gathered == 0, available > 0, bytes[start] != clientHello { return .malformed(.otherMessage(bytes[start])) }
      for index in 0..<available where gathered + index < messageHeader {
        header = header << 8 | UInt32(bytes[start + index])
      }
      if gathered + available >= messageHeader {
        needed = messageHeader + Int(header & 0xFF_FFFF)
        guard needed <= longest - recordHeader else { return .malformed(.tooLong) }
      }
      let wanted = min(length, needed - gathered)
      guard available >= wanted else { return needMore(start + wanted) }
      gathered += wanted
      if gathered >= messageHeader, gathered == needed { break }
      offset = start + length
    }

    if offset == 0 {
      let body = recordHeader + messageHeader
      return parse(UnsafeRawBufferPointer(rebasing: bytes[body..<recordHeader + needed]))
    }
    // Only a message that is split over records is copied together.
    return withUnsafeTemporaryAllocation(byteCount: needed, alignment: 1) { message in
      gather(bytes, into: message)
      return parse(UnsafeRawBufferPointer(rebasing: message[messageHeader...]))
    }
  }

  /// Copies a message out of records that are known to be well formed and to hold it whole.
  private static func gather(_ bytes: UnsafeRawBufferPointer, into message: UnsafeMutableRawBufferPointer) {
    var offset = 0
    var gathered = 0
    while gathered < message.count {
      let length = Int(bytes[offset + 3]) << 8 | Int(bytes[offset + 4])
      let start = offset + recordHeader
      let count = min(length, message.count - gathered)
      UnsafeMutableRawBufferPointer(rebasing: message[gathered..<gathered + count])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + count]))
      gathered += count
      offset = start + length
    }
  }

  private static func parse(_ body: UnsafeRawBufferPointer) -> Answer {
    do throws(Malformed) {
      return .hello(try ClientHello(reading: body))
    } catch {
      return .malformed(error)
    }
  }

  private static let handshake: UInt8 = 22
  private static let majorVersion: UInt8 = 3
  private static let clientHello: UInt8 = 1
  private static let recordHeader = 5
  private static let messageHeader = 4
}
