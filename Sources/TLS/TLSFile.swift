import COpenSSL

/// A file that was read for TLS. Its bytes are wiped when nobody needs them any more: they may be a private key.
public final class TLSFile: @unchecked Sendable {
  /// As errors name it.
  public let path: String
  /// Who else than root and the service may read it, such as `everyone`; nil for nobody.
  public let exposure: String?
  private let storage: UnsafeMutableRawBufferPointer
  let count: Int

  /// The largest file that is taken: certificates are a few KiB, the bundles of a system's authorities a few hundred.
  public static let largest = 8 << 20

  /// - Parameters:
  ///   - size: the number of bytes.
  ///   - fill: writes them all.
  public init(path: String, exposure: String? = nil, size: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) {
    self.path = path
    self.exposure = exposure
    storage = .allocate(byteCount: max(size, 1), alignment: 1)
    fill(UnsafeMutableRawBufferPointer(rebasing: storage[..<size]))
    count = size
  }

  public convenience init(path: String, exposure: String? = nil, bytes: some Collection<UInt8>) {
    self.init(path: path, exposure: exposure, size: bytes.count) { $0.copyBytes(from: bytes) }
  }

  deinit {
    OPENSSL_cleanse(storage.baseAddress, storage.count)
    storage.deallocate()
  }

  /// Lends the bytes for the length of the call.
  public func withBytes<Result, Failure>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(rebasing: storage[..<count]))
  }
}

/// How the files of a configuration are got at. This target opens none.
public struct TLSFiles: Sendable {
  /// Why a file could not be read, such as `no such file or directory (ENOENT)`.
  public struct Unreadable: Error, CustomStringConvertible {
    public let description: String
    /// There is no such file.
    public let isMissing: Bool

    public init(_ description: String, isMissing: Bool = false) {
      self.description = description
      self.isMissing = isMissing
    }
  }

  /// Reads a file of at most `TLSFile.largest` bytes.
  let read: @Sendable (_ path: String) throws(Unreadable) -> TLSFile
  /// The names in a folder, in any order.
  let names: @Sendable (_ folder: String) throws(Unreadable) -> [String]

  public init(
    read: @escaping @Sendable (_ path: String) throws(Unreadable) -> TLSFile,
    names: @escaping @Sendable (_ folder: String) throws(Unreadable) -> [String]
  ) {
    self.read = read
    self.names = names
  }
}
