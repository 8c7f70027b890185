import COpenSSL
import Synchronization

/// What session tickets are encrypted with (RFC 5077): one object for all workers, so that a client resumes on whichever it
/// meets.
///
/// Either the program makes the keys itself and changes them by and by, or they come from files that several machines share.
public final class TicketKeys: Sendable {
  /// How often the program's own keys are to be changed. A ticket can be used for that long at least, and twice that at most.
  public static let rotation = Duration.seconds(12 * 3600)

  /// Newest first: it encrypts, all decrypt.
  private let keys: Mutex<[TicketKey]>
  public let isFromFiles: Bool

  /// Of files: the first encrypts, the others let in tickets from before a change.
  private static let mostFiles = 16

  /// Keys of the program's own; nil when the system gives no random bytes.
  public convenience init?() {
    guard let key = TicketKey.random() else { return nil }
    self.init([key], isFromFiles: false)
  }

  private init(_ keys: [TicketKey], isFromFiles: Bool) {
    self.keys = Mutex(keys)
    self.isFromFiles = isFromFiles
  }

  /// Makes a new key. Tickets of the last one are still taken, and exchanged for new ones; those from before are not. Keys of
  /// files stay as they are.
  /// - Returns: false when the system gives no random bytes: the keys stay as they are.
  public func rotate() -> Bool {
    if isFromFiles { return true }
    guard let new = TicketKey.random() else { return false }
    keys.withLock { keys in keys = [new] + keys.prefix(1) }
    return true
  }

  static func load(_ paths: [String], _ files: TLSFiles, _ findings: inout Findings) -> TicketKeys? {
    var keys: [TicketKey] = []
    for path in paths {
      guard let file = findings.read(path, files) else { continue }
      if let exposure = file.exposure {
        findings.warn(path, "holds a ticket key that \(exposure) may read: chmod 600 keeps it to its owner")
      }
      guard let key = file.withBytes(TicketKey.init) else {
        findings.fail(
          path, "must hold 80 bytes (openssl rand 80 makes them), or 48 for AES-128, but it holds \(file.count)")
        continue
      }
      keys.append(key)
    }
    if paths.count > mostFiles { findings.fail(nil, "at most \(mostFiles) files of ticket keys are taken") }
    return keys.count == paths.count && !keys.isEmpty && keys.count <= mostFiles
      ? TicketKeys(keys, isFromFiles: true) : nil
  }

  var current: TicketKey { keys.withLock { $0[0] } }

  /// The key of a ticket, and whether it is the newest.
  func find(_ name: UnsafeRawBufferPointer) -> (key: TicketKey, isCurrent: Bool)? {
    keys.withLock { keys in
      keys.firstIndex { $0.name.elementsEqual(name) }.map { (keys[$0], $0 == 0) }
    }
  }
}

/// A name to find it by, and two secrets: the form that nginx's files have.
final class TicketKey: Sendable {
  static let nameSize = 16

  let name: [UInt8]
  private let authentication: [UInt8]
  private let encryption: [UInt8]

  /// 80 bytes: name, 32 for HMAC-SHA-256, 32 for AES-256; or 48: name, 16 for AES-128, 16 for HMAC.
  init?(_ bytes: UnsafeRawBufferPointer) {
    switch bytes.count {
    case 80:
      authentication = Array(bytes[16..<48])
      encryption = Array(bytes[48..<80])
    case 48:
      encryption = Array(bytes[16..<32])
      authentication = Array(bytes[32..<48])
    default: return nil
    }
    name = Array(bytes[..<Self.nameSize])
  }

  static func random() -> TicketKey? {
    withUnsafeTemporaryAllocation(byteCount: 80, alignment: 1) { bytes in
      defer { OPENSSL_cleanse(bytes.baseAddress, bytes.count) }
      guard RAND_priv_bytes(bytes.baseAddress, 80) == 1 else { return nil }
      return TicketKey(UnsafeRawBufferPointer(bytes))
    }
  }

  deinit {
    for secret in [authentication, encryption] {
      secret.withUnsafeBytes { OPENSSL_cleanse(UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count) }
    }
  }

  /// Sets the two contexts up for one ticket.
  func prepare(
    cipher: OpaquePointer, mac: OpaquePointer, nonce: UnsafeMutablePointer<UInt8>, encrypting: Bool
  ) -> Bool {
    let algorithm = encryption.count == 32 ? Self.aes256 : Self.aes128
    guard EVP_CipherInit_ex(cipher, algorithm, nil, encryption, nonce, encrypting ? 1 : 0) == 1 else { return false }
    return EVP_MAC_init(mac, authentication, authentication.count, MACParameters.sha256) == 1
  }

  // Looked up once: by their names they would be looked up for each ticket.
  nonisolated(unsafe) private static let aes256 = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)
  nonisolated(unsafe) private static let aes128 = EVP_CIPHER_fetch(nil, "AES-128-CBC", nil)
}
