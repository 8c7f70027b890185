import COpenSSL

/// Reads what PEM files hold.
enum PEM {
  /// Certificates in one file.
  static let mostCertificates = 4096

  struct Unusable: Error {
    let reason: String
  }

  /// All certificates of a file, in its order.
  /// - Returns: at least one; the caller's to free.
  static func certificates(in file: TLSFile) throws(Unusable) -> [OpaquePointer] {
    try file.withBytes { bytes throws(Unusable) in
      let bio = try reader(of: bytes)
      defer { BIO_free(bio) }
      var certificates: [OpaquePointer] = []
      func giveUp(_ reason: String) -> Unusable {
        certificates.forEach { X509_free($0) }
        return Unusable(reason: reason)
      }
      while let certificate = PEM_read_bio_X509(bio, nil, noPassphrase, nil) {
        certificates.append(certificate)
        if certificates.count > mostCertificates { throw giveUp("holds more than \(mostCertificates) certificates") }
      }
      let error = lastError()
      guard isEnd(error) else {
        throw giveUp("holds a certificate that cannot be read, number \(certificates.count + 1): \(text(of: error))")
      }
      if certificates.isEmpty { throw Unusable(reason: "holds no certificate\(hint(bytes, "x509"))") }
      return certificates
    }
  }

  /// The private key of a file.
  /// - Parameter passphrase: a file whose first line decrypts the key.
  /// - Returns: the caller's to free.
  static func privateKey(in file: TLSFile, passphrase: TLSFile?) throws(Unusable) -> OpaquePointer {
    guard let passphrase else { return try privateKey(in: file, line: nil, passphraseFile: nil) }
    return try passphrase.withBytes { bytes throws(Unusable) in
      let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
      return try privateKey(in: file, line: UnsafeRawBufferPointer(rebasing: line), passphraseFile: passphrase.path)
    }
  }

  private static func privateKey(
    in file: TLSFile, line: UnsafeRawBufferPointer?, passphraseFile: String?
  ) throws(Unusable) -> OpaquePointer {
    try file.withBytes { bytes throws(Unusable) in
      guard holdsPrivateKey(bytes) else { throw Unusable(reason: "holds no private key\(hint(bytes, "pkey"))") }
      let bio = try reader(of: bytes)
      defer { BIO_free(bio) }
      var asking = Asking(passphrase: line)
      let key = withUnsafeMutablePointer(to: &asking) { PEM_read_bio_PrivateKey(bio, nil, answerPassphrase, $0) }
      let error = lastError()
      if let key { return key }
      guard asking.wasAsked else {
        throw Unusable(reason: "holds a private key that cannot be read: \(text(of: error))")
      }
      guard let passphraseFile else {
        throw Unusable(reason: "is encrypted: name the file with its passphrase in \"keyPassphraseFile\"")
      }
      throw Unusable(reason: "cannot be decrypted with the passphrase in \(passphraseFile)")
    }
  }

  private static func holdsPrivateKey(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let mark = Array("PRIVATE KEY-----".utf8)
    guard bytes.count >= mark.count else { return false }
    return (0...bytes.count - mark.count).contains { start in
      bytes[start] == mark[0] && bytes[start..<start + mark.count].elementsEqual(mark)
    }
  }

  // MARK: Passphrases

  private struct Asking {
    let passphrase: UnsafeRawBufferPointer?
    var wasAsked = false
  }

  private static let answerPassphrase:
    @convention(c) (
      UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
    ) -> Int32 = { buffer, size, _, data in
      guard let asking = data?.assumingMemoryBound(to: Asking.self) else { return -1 }
      asking.pointee.wasAsked = true
      guard let buffer, let passphrase = asking.pointee.passphrase, passphrase.count <= Int(size) else { return -1 }
      if let bytes = passphrase.baseAddress {
        UnsafeMutableRawPointer(buffer).copyMemory(from: bytes, byteCount: passphrase.count)
      }
      return Int32(passphrase.count)
    }

  /// Without one OpenSSL would ask at the terminal.
  private static let noPassphrase:
    @convention(c) (
      UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, _, _, _ in -1 }

  // MARK: Words

  /// A reader that borrows the bytes.
  private static func reader(of bytes: UnsafeRawBufferPointer) throws(Unusable) -> OpaquePointer {
    guard let count = Int32(exactly: bytes.count), let bio = BIO_new_mem_buf(bytes.baseAddress, count) else {
      throw Unusable(reason: "is too large")
    }
    return bio
  }

  private static func lastError() -> UInt {
    defer { ERR_clear_error() }
    return ERR_peek_last_error()
  }

  private static func isEnd(_ error: UInt) -> Bool {
    ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE
  }

  private static func text(of error: UInt) -> String {
    ERR_reason_error_string(error).map { String(cString: $0) } ?? "unknown error"
  }

  private static func hint(_ bytes: UnsafeRawBufferPointer, _ command: String) -> String {
    if bytes.isEmpty { return ": it is empty" }
    // A SEQUENCE with a length of two bytes.
    if bytes.count > 4, bytes[0] == 0x30, bytes[1] == 0x82 {
      return ": it is DER, not PEM (openssl \(command) -inform der -in FILE turns it into PEM)"
    }
    return ""
  }
}
