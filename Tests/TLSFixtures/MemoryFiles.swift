import Synchronization
import TLS

/// The files of a configuration, in memory.
public final class MemoryFiles: Sendable {
  private let contents = Mutex<[String: TLSFile]>([:])
  private let texts = Mutex<[String: String]>([:])

  public init(_ files: [String: String] = [:]) {
    for (path, text) in files { self[path] = text }
  }

  public subscript(path: String) -> String {
    get { "" }
    set {
      texts.withLock { $0[path] = newValue }
      write(path, Array(newValue.utf8))
    }
  }

  public func write(_ path: String, _ bytes: [UInt8], exposure: String? = nil) {
    contents.withLock { $0[path] = TLSFile(path: path, exposure: exposure, bytes: bytes) }
  }

  /// Writes NAME.pem and NAME.key.
  @discardableResult
  public func add(_ name: String, _ certificate: TestCertificate, passphrase: String? = nil) -> CertificateSource {
    self["\(name).pem"] = certificate.pem
    self["\(name).key"] = certificate.key.pem(passphrase: passphrase)
    return CertificateSource(certificate: "\(name).pem", key: "\(name).key")
  }

  /// What was written.
  public func text(_ path: String) -> String { texts.withLock { $0[path] ?? "" } }

  public var files: TLSFiles {
    TLSFiles(
      read: { path throws(TLSFiles.Unreadable) in
        guard let file = self.contents.withLock({ $0[path] }) else {
          throw TLSFiles.Unreadable("no such file or directory (ENOENT)", isMissing: true)
        }
        return file
      },
      names: { folder throws(TLSFiles.Unreadable) in
        let names = self.contents.withLock { $0.keys.filter { $0.hasPrefix(folder + "/") } }
        if names.isEmpty { throw TLSFiles.Unreadable("no such file or directory (ENOENT)", isMissing: true) }
        return names.map { String($0.dropFirst(folder.count + 1)) }
      })
  }
}
