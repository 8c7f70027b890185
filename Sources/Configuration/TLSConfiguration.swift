import Base

/// How a listener terminates TLS.
public struct TLSConfiguration: Equatable, Sendable {
  public enum Version: String, CaseIterable, Comparable, Sendable {
    case tls12 = "1.2"
    case tls13 = "1.3"

    public static func < (left: Version, right: Version) -> Bool { left.rawValue < right.rawValue }
  }

  public enum ClientAuthentication: String, CaseIterable, Sendable {
    case off, optional, require
  }

  /// A certificate with its chain, and its key: absolute paths of PEM files.
  public struct Certificate: Equatable, Sendable {
    public var certificate = ""
    /// nil: in the same file.
    public var key: String?
    /// The file whose first line decrypts the key.
    public var keyPassphraseFile: String?

    public init() {}
  }

  /// Pairs, a folder of them, or both.
  public struct Certificates: Equatable, Sendable {
    public var pairs: [Certificate] = []
    public var folder: String?

    public init() {}
  }

  public var certificates = Certificates()
  /// Of the keys of the folder, and of pairs that name none of their own.
  public var keyPassphraseFile: String?
  public var minVersion = Version.tls12
  public var maxVersion = Version.tls13
  /// Names of OpenSSL or of the standard; nil is Mozilla's intermediate profile.
  public var ciphers: [String]?
  public var alpn: [String] = []
  /// Files of the authorities that sign the clients' certificates.
  public var clientCA: [String] = []
  public var clientAuth = ClientAuthentication.off
  public var tickets = true
  /// Files; empty: the program's own keys.
  public var ticketKeys: [String] = []
  public var ocspStapling = true
  public var strictSNI = false

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "tls", oneOf: ["certificates", "folder"],
    [
      Field(
        "certificates", \.certificates, .certificates,
        "Certificates and their keys; the server name that a client asks for chooses, and the first serves the rest. { \"folder\": … } is the same as folder."
      ),
      Field(
        "folder", \.certificates.folder, .optional(.placedFile),
        "A folder of certificates, NAME.pem with the key in NAME.key or in the same file; behind certificates, in the order of their names."
      ),
      Field(
        "keyPassphraseFile", \.keyPassphraseFile, .optional(.placedFile),
        "A file whose first line decrypts the keys that have no passphrase file of their own."),
      Field("minVersion", \.minVersion, .word, "The oldest version of TLS that is spoken."),
      Field("maxVersion", \.maxVersion, .word, "The newest version of TLS that is spoken."),
      Field(
        "ciphers", \.ciphers, .optional(.ciphers),
        "Ciphers, the best first, by their names in OpenSSL (TLS 1.2) or in the standard (TLS_…, TLS 1.3); an array, or one text with colons. A version of which none is named keeps its default: Mozilla's intermediate profile."
      ),
      Field(
        "alpn", \.alpn, .alpn,
        "Protocols that are agreed upon by ALPN, best first; a client that offers none of them is refused. Empty: none is agreed upon."
      ),
      Field(
        "clientCA", \.clientCA, .placedFiles,
        "Files of the authorities that sign the clients' certificates."),
      Field(
        "clientAuth", \.clientAuth, .word,
        "Clients' certificates. off: not asked for. optional: a client may have none, but no bad one. require: every client shows one that clientCA has signed."
      ),
      Field(
        "tickets", \.tickets, .boolean, "Clients may resume their sessions, which saves them most of the handshake."),
      Field(
        "ticketKeys", \.ticketKeys, .placedFiles,
        "Files of 80 or 48 random bytes with which tickets are encrypted, the same on all machines; the first encrypts. Without them the program has keys of its own and changes them every 12 hours."
      ),
      Field(
        "ocspStapling", \.ocspStapling, .boolean,
        "A certificate NAME.pem with an OCSP response in NAME.ocsp (DER) beside it is sent with that."),
      Field(
        "strictSNI", \.strictSNI, .boolean,
        "A client that asks for a name that no certificate has, or for none, is refused."),
    ]
  ).checking { tls, json, reading in
    func fail(_ key: String, _ message: String) {
      guard case .object(let members) = json.kind, let member = members.first(where: { $0.key == key }) else { return }
      reading.inside(member) { reading.fail(at: member.location, message) }
    }
    if case .object? = json["certificates"]?.kind, json["folder"] != nil {
      fail("folder", "\"certificates\" names a folder already")
    }
    if tls.minVersion > tls.maxVersion {
      fail(
        json["minVersion"] == nil ? "maxVersion" : "minVersion",
        "minVersion \(tls.minVersion.rawValue.quoted) is above maxVersion \(tls.maxVersion.rawValue.quoted)")
    }
    if tls.clientAuth != .off, tls.clientCA.isEmpty {
      fail("clientAuth", "\"clientCA\" is missing: the authorities that sign the clients' certificates")
    }
    if !tls.tickets, !tls.ticketKeys.isEmpty {
      fail("ticketKeys", "\"tickets\" is false: no ticket is given out")
    }
  }
}

extension TLSConfiguration.Certificate {
  static let shape = Shape<Self>.object(
    Self(), definition: "certificate",
    [
      .required(
        "certificate", \.certificate, .placedFile,
        "A PEM file: the certificate first, those that it is signed by behind it."),
      Field("key", \.key, .optional(.placedFile), "A PEM file with its private key. Default: the same file."),
      Field(
        "keyPassphraseFile", \.keyPassphraseFile, .optional(.placedFile), "A file whose first line decrypts the key."),
    ])
}

extension Shape where Value == TLSConfiguration.Certificates {
  /// An array of pairs, or an object that names a folder.
  fileprivate static var certificates: Shape {
    let pairs = Shape<[TLSConfiguration.Certificate]>.array("certificate", of: TLSConfiguration.Certificate.shape)
    let folder = Shape<String?>.object(
      nil, [.required("folder", \.self, .optional(.placedFile), "A folder of certificates.")])
    return Shape(
      expected: "an array of certificates",
      read: { json, start, reading in
        var value = start ?? TLSConfiguration.Certificates()
        if case .object = json.kind {
          guard let read = folder.read(json, nil, reading) else { return nil }
          value.folder = read
        } else {
          guard let read = pairs.read(json, nil, reading) else { return nil }
          value.pairs = read
        }
        return value
      },
      schema: { _, definitions in .anyOf([pairs.schema(nil, definitions), folder.schema(nil, definitions)]) },
      write: { $0.pairs.isEmpty ? nil : pairs.write($0.pairs) })
  }
}
