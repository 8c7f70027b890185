import COpenSSL

/// What a connection's own direction is encrypted with, kept so that the kernel can go on where OpenSSL stops (kernel TLS).
///
/// OpenSSL offers the keys to its BIO when they come into force, as the kernel wants them (linux/tls.h), and encrypts itself
/// when the BIO declines, which ours does. By the time that they are handed over it has written records with them, and the
/// next one must have the next number: with a number twice, AES-GCM and ChaCha20 give away what they hide. So the records
/// are followed as they leave, by their headers (RFC 8446, 5.1).
struct SendKeys: ~Copyable {
  /// A `struct tls12_crypto_info_…`; wiped as soon as it is of no use.
  private let info = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.mostSize, alignment: 8)
  /// Zero while there are none.
  private var size = 0
  /// Whole records that have been written with them.
  private var records: UInt64 = 0
  /// Bytes of the record that is being written.
  private var place = 0
  /// The beginning of that record, or of the last one: the header, and in TLS 1.2 with AES the nonce.
  private var beginning: InlineArray<13, UInt8> = .init(repeating: 0)
  /// The kernel has them: nothing may be written with them here again.
  private(set) var areGone = false
  /// The peer has asked for others, or others are in force.
  private(set) var areOutdated = false

  private static let mostSize = 64
  private static let headerSize = 5
  private static let nonceSize = 8
  private static let sequenceSize = 8

  deinit {
    OPENSSL_cleanse(info.baseAddress, info.count)
    info.deallocate()
  }

  private mutating func wipe() {
    OPENSSL_cleanse(info.baseAddress, info.count)
    size = 0
  }

  /// New keys are in force from the next record on.
  mutating func note(_ offered: UnsafeRawPointer) {
    wipe()
    let kind = offered.loadUnaligned(as: tls_crypto_info.self)
    switch Int32(kind.cipher_type) {
    case TLS_CIPHER_AES_GCM_128: size = MemoryLayout<tls12_crypto_info_aes_gcm_128>.size
    case TLS_CIPHER_AES_GCM_256: size = MemoryLayout<tls12_crypto_info_aes_gcm_256>.size
    case TLS_CIPHER_CHACHA20_POLY1305: size = MemoryLayout<tls12_crypto_info_chacha20_poly1305>.size
    default: return
    }
    info.copyMemory(from: UnsafeRawBufferPointer(start: offered, count: size))
    records = 0
    place = 0
  }

  /// Others follow, which nobody will tell.
  mutating func expire() {
    wipe()
    areOutdated = true
  }

  /// These bytes leave for the peer.
  mutating func follow(_ bytes: UnsafeRawBufferPointer) {
    if size == 0 { return }
    var at = 0
    while at < bytes.count {
      let end =
        place < Self.headerSize ? Self.headerSize : place < beginning.count ? min(beginning.count, length) : length
      let taken = min(end - place, bytes.count - at)
      for offset in 0..<max(0, min(taken, beginning.count - place)) { beginning[place + offset] = bytes[at + offset] }
      place += taken
      at += taken
      if place >= Self.headerSize, place == length {
        records += 1
        place = 0
      }
    }
  }

  /// Of the record that is being written, by its header.
  private var length: Int { Self.headerSize + Int(beginning[3]) << 8 + Int(beginning[4]) }

  /// Gives the keys away, with the number of the next record, and forgets them.
  /// - Parameter give: gets what setsockopt(2) wants for TLS_TX; returns whether they were taken.
  mutating func handOver(_ give: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    defer { wipe() }
    guard size > 0, place == 0, advance(at: size - Self.sequenceSize) else { return false }
    if hasOwnNonce {
      // Of its own choice, so what was seen must agree with what was counted.
      let nonce = MemoryLayout<tls_crypto_info>.size
      guard records > 0, advance(at: nonce) else { return false }
      var last: UInt64 = 0
      for index in Self.headerSize..<beginning.count { last = last << 8 | UInt64(beginning[index]) }
      if number(at: nonce) != last &+ 1 { return false }
    }
    areGone = give(UnsafeRawBufferPointer(rebasing: info[..<size]))
    return areGone
  }

  /// In TLS 1.2 a record of AES-GCM says its nonce (RFC 5288, 3); elsewhere that follows from the record's number.
  private var hasOwnNonce: Bool {
    let kind = info.loadUnaligned(as: tls_crypto_info.self)
    return kind.version == UInt16(TLS1_2_VERSION) && kind.cipher_type != UInt16(TLS_CIPHER_CHACHA20_POLY1305)
  }

  private func number(at offset: Int) -> UInt64 {
    UInt64(bigEndian: info.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// - Returns: false when there are no more numbers.
  private func advance(at offset: Int) -> Bool {
    let isNonce = offset < size - Self.sequenceSize
    let (sum, overflow) = number(at: offset).addingReportingOverflow(records)
    if overflow, !isNonce { return false }
    info.storeBytes(of: sum.bigEndian, toByteOffset: offset, as: UInt64.self)
    return true
  }
}
