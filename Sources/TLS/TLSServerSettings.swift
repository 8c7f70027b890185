import Base

/// How a listener terminates TLS.
public struct TLSServerSettings: Equatable, Sendable {
  public enum ClientAuthentication: String, Sendable {
    /// Clients are not asked for a certificate.
    case off
    /// They are asked; without one they are let in, with a bad one they are not.
    case optional
    case require
  }

  /// The listener's name: tickets of one are never taken by another.
  public var name: String
  public var certificates: [CertificateSource]
  /// A folder of `NAME.pem` and `NAME.key`, behind `certificates`.
  public var folder: String?
  /// The passphrase of the folder's keys.
  public var folderPassphraseFile: String?
  public var versions = TLSVersion.tls12...TLSVersion.tls13
  public var ciphers = TLSCiphers.intermediate
  /// In the order of preference; a client that offers protocols, but none of these, is refused (RFC 7301, 3.2).
  public var alpn: [String] = []
  public var clientAuthentication = ClientAuthentication.off
  /// The files of the authorities that sign the clients' certificates.
  public var clientAuthorities: [String] = []
  /// Refuse a client whose server name no certificate is for, or that sends none.
  public var strictSNI = false
  /// Whether sessions may be resumed.
  public var tickets = true
  /// Ticket keys that several machines share, the first for new tickets; empty: the program's own.
  public var ticketKeyFiles: [String] = []
  public var stapling = true

  public init(name: String, certificates: [CertificateSource] = [], folder: String? = nil) {
    self.name = name
    self.certificates = certificates
    self.folder = folder
  }
}

/// Told of each session's secrets as a line of the format that Wireshark reads (NSS Key Log). Whoever has the lines can
/// read all that the sessions carry.
public typealias TLSKeyLog = @Sendable (_ line: String) -> Void
