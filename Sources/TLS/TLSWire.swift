import COpenSSL

/// What an engine works on during one call: bytes that came from the peer, and room for bytes to it. Both are the
/// caller's; the engine keeps nothing of them.
///
///     var wire = TLSWire(input: received, output: room)
///     let step = engine.handshake(&wire)
///     // wire.output is to be sent, wire.input was not needed yet
public struct TLSWire: ~Copyable {
  private var unread: UnsafeRawPointer?
  private var unreadCount: Int
  private let room: UnsafeMutableRawPointer?
  private let capacity: Int
  private var written = 0
  /// Where the input began.
  private let start: UnsafeRawPointer?
  private let startCount: Int
  /// What was wrong with the certificate that the peer has shown in this call.
  var complaint: CertificateComplaint?
  /// Why the ClientHello of this call is turned down.
  var refusal: ClientHelloRefusal?
  /// Of the thread that makes the call.
  let line: TLSLine?
  /// Where the keys of our direction are kept, if they are.
  var sendKeys: UnsafeMutablePointer<SendKeys>?
  /// What the peer is to be told in this call, where the kernel encrypts: a record of its own kind is to carry it.
  public internal(set) var alert: TLSAlertMessage?

  /// Both must stay where they are until the last call with this wire. They may overlap if `output` begins at the start of
  /// what is decrypted: see `TLSEngine.decrypt`.
  /// - Parameter line: for a handshake of an engine that stays on its thread.
  public init(input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer, line: TLSLine? = nil) {
    self.line = line
    unread = input.baseAddress
    unreadCount = input.count
    start = unread
    startCount = unreadCount
    room = output.baseAddress
    capacity = output.count
  }

  /// What is left of the bytes from the peer.
  public var input: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: unread, count: unreadCount) }

  /// What is to be sent to the peer, in the room that was given.
  public var output: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: room, count: written) }

  /// The output has been sent, or copied: its room is free again.
  public mutating func clearOutput() { written = 0 }

  /// Bytes that still fit into the output.
  var free: Int { capacity - written }

  /// The first bytes of the input as it was given.
  var beginning: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: min(startCount, 24)) }

  fileprivate mutating func read(into buffer: UnsafeMutableRawPointer, atMost count: Int) -> Int {
    guard let unread, unreadCount > 0 else { return 0 }
    let taken = min(count, unreadCount)
    buffer.copyMemory(from: unread, byteCount: taken)
    self.unread = unread + taken
    unreadCount -= taken
    return taken
  }

  fileprivate mutating func write(_ bytes: UnsafeRawPointer, count: Int) -> Int {
    guard let room else { return 0 }
    let taken = min(count, capacity - written)
    (room + written).copyMemory(from: bytes, byteCount: taken)
    written += taken
    return taken
  }
}

/// What the engines of one thread have in common, as they are called one after the other: the BIO of those that are open. It
/// saves each of them 200 bytes. Before, each has its own, because during a handshake OpenSSL chains a buffer to it.
public final class TLSLine: @unchecked Sendable {
  private let bio = WireBIO.make()

  public init() {}

  deinit { BIO_free(bio) }

  func adopt(_ ssl: OpaquePointer) {
    guard let bio, BIO_up_ref(bio) == 1 else { return }
    // Both directions: it takes one reference for the two.
    SSL_set_bio(ssl, bio, bio)
  }
}

/// OpenSSL's side of a wire: a BIO whose data is the wire of the call that is being made, and nothing between calls.
enum WireBIO {
  static func make() -> OpaquePointer? {
    guard let bio = BIO_new(method) else { return nil }
    BIO_set_init(bio, 1)
    return bio
  }

  /// The wire of the call in which a callback is.
  static func wire(of ssl: OpaquePointer?) -> UnsafeMutablePointer<TLSWire>? {
    SSL_get_rbio(ssl).flatMap(wire(of:))
  }

  private static func wire(of bio: OpaquePointer) -> UnsafeMutablePointer<TLSWire>? {
    BIO_get_data(bio)?.assumingMemoryBound(to: TLSWire.self)
  }

  nonisolated(unsafe) private static let method: OpaquePointer? = {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire") else { return nil }
    BIO_meth_set_read(method) { bio, buffer, count in
      guard let bio else { return -1 }
      openssl_bio_clear_retry(bio)
      guard let buffer, count > 0, let wire = wire(of: bio) else { return -1 }
      let taken = wire.pointee.read(into: buffer, atMost: Int(count))
      if taken > 0 { return Int32(taken) }
      openssl_bio_set_retry_read(bio)
      return -1
    }
    BIO_meth_set_write(method) { bio, bytes, count in
      guard let bio else { return -1 }
      openssl_bio_clear_retry(bio)
      guard let bytes, count > 0, let wire = wire(of: bio) else { return -1 }
      // What it would say with keys that are no longer its own; `alert` has what matters of it.
      if let keys = wire.pointee.sendKeys, keys.pointee.areGone { return count }
      let taken = wire.pointee.write(bytes, count: Int(count))
      if taken > 0 {
        wire.pointee.sendKeys?.pointee.follow(UnsafeRawBufferPointer(start: bytes, count: taken))
        return Int32(taken)
      }
      openssl_bio_set_retry_write(bio)
      return -1
    }
    // Everything is written at once, so there is nothing to flush.
    BIO_meth_set_ctrl(method) { bio, command, isSending, pointer in
      if command == BIO_CTRL_FLUSH { return 1 }
      if command == Int32(openssl_bio_set_ktls), isSending != 0, let bio, let pointer, let wire = wire(of: bio) {
        wire.pointee.sendKeys?.pointee.note(pointer)
      }
      return 0
    }
    return method
  }()
}
