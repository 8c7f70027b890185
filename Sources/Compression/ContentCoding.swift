/// A content coding that this proxy can apply (RFC 9110, 8.4.1).
public enum ContentCoding: Sendable, CaseIterable {
  /// RFC 1952.
  case gzip
  /// Brotli, RFC 7932.
  case brotli

  /// Brotli makes the smaller answer in about the same time.
  public static let preferred: [ContentCoding] = [.brotli, .gzip]
  static let gzipAlone: [ContentCoding] = [.gzip]

  /// As it stands in Content-Encoding and Accept-Encoding.
  public var name: StaticString {
    switch self {
    case .gzip: "gzip"
    case .brotli: "br"
    }
  }
}
