import Base

/// What a pool, a backend or a check says of TLS to the backends.
public enum BackendTLS: Equatable, Sendable {
  case off
  case on(BackendTLSConfiguration)
}

/// How backends are talked to over TLS. What is nil here is not said here: a pool may say it for its backends, and both
/// for their checks.
public struct BackendTLSConfiguration: Equatable, Sendable {
  public var verify: Bool?
  /// What a backend's certificate must be for; nil is its own host.
  public var serverName: String?
  /// Files of authorities; nil is those of the system.
  public var ca: [String]?
  /// Shown to backends that ask for it: an absolute path.
  public var certificate: String?
  public var key: String?
  public var keyPassphraseFile: String?
  public var minVersion: TLSConfiguration.Version?
  public var alpn: [String]?

  public init() {}

  /// A backend must prove who it is.
  public var verifies: Bool { verify ?? true }

  /// This, and where it says nothing, what `other` says.
  func over(_ other: Self) -> Self {
    var filled = self
    filled.verify = verify ?? other.verify
    filled.serverName = serverName ?? other.serverName
    filled.ca = ca ?? other.ca
    filled.minVersion = minVersion ?? other.minVersion
    filled.alpn = alpn ?? other.alpn
    // A certificate and its key belong together.
    if certificate == nil {
      filled.certificate = other.certificate
      filled.key = other.key
      filled.keyPassphraseFile = other.keyPassphraseFile
    }
    return filled
  }

  static let shape = Shape<Self>.object(
    Self(), definition: "backendTLS",
    [
      Field(
        "verify", \.verify, .optional(.boolean),
        "A backend must show a certificate that ca has signed, for its name and still valid. false: whoever answers is believed. Default: true."
      ),
      Field(
        "serverName", \.serverName, .optional(.serverName),
        "What the certificate must be for, and what the backend is asked for (SNI). Default: the host name or address of each backend."
      ),
      Field(
        "ca", \.ca, .optional(.placedFiles),
        "Files of the authorities, or of the certificates themselves, that are trusted. Default: the authorities that the system trusts."
      ),
      Field(
        "certificate", \.certificate, .optional(.placedFile),
        "A PEM file with the certificate that is shown to a backend which asks for one, and its chain."),
      Field("key", \.key, .optional(.placedFile), "A PEM file with its private key. Default: the same file."),
      Field(
        "keyPassphraseFile", \.keyPassphraseFile, .optional(.placedFile), "A file whose first line decrypts the key."),
      Field(
        "minVersion", \.minVersion, .optional(.word), "The oldest version of TLS that is spoken. Default: \"1.2\"."),
      Field("alpn", \.alpn, .optional(.alpn), "Protocols that are offered by ALPN, best first. Default: none."),
    ]
  ).checking { tls, json, reading in
    guard tls.certificate == nil, case .object(let members) = json.kind else { return }
    for member in members where member.key == "key" || member.key == "keyPassphraseFile" {
      reading.inside(member) {
        reading.fail(at: member.location, "belongs to a \"certificate\", which is missing here")
      }
    }
  }
}

extension Shape where Value == BackendTLS {
  /// An object, `"off"` or `false`.
  static var backendTLS: Shape {
    let off = Shape.words([("off", BackendTLS.off)], besides: "an object")
    let on = BackendTLSConfiguration.shape.map(
      { BackendTLS.on($0) }, { if case .on(let tls) = $0 { tls } else { BackendTLSConfiguration() } })
    return Shape(
      expected: "\"off\" or an object",
      read: { json, start, reading in
        switch json.kind {
        case .object:
          reading.place(json)
          return on.read(json, start, reading)
        case .string: return off.read(json, nil, reading)
        case .boolean(false): return .off
        default:
          let hint = json.summary == "true" ? " ({} has the defaults)" : ""
          reading.fail(at: json.location, "\"off\" or an object expected, found \(json.summary)\(hint)")
          return nil
        }
      },
      schema: { _, definitions in
        .anyOf([off.schema(nil, definitions), ["const": JSONValue(.boolean(false))], on.schema(nil, definitions)])
      },
      write: { off.write($0) ?? on.write($0) })
  }
}

// MARK: What holds

extension PoolConfiguration {
  /// How sessions talk to a backend; nil is without TLS.
  public func tls(of backend: BackendConfiguration) -> BackendTLSConfiguration? {
    Self.filled([backend.tls, tls])
  }

  /// How checks talk to a backend; nil is without TLS.
  public func healthTLS(of backend: BackendConfiguration) -> BackendTLSConfiguration? {
    guard let health, health.type != .script else { return nil }
    let choices = [health.tls, backend.tls, tls]
    if health.type == .tls {
      // It is what this check does, whatever the traffic is.
      return Self.filled(choices.filter { $0 != .off } + [.on(BackendTLSConfiguration())])
    }
    return Self.filled(choices)
  }

  /// The first says what it says, the rest what it leaves open, up to one that is off.
  private static func filled(_ choices: [BackendTLS?]) -> BackendTLSConfiguration? {
    var filled: BackendTLSConfiguration?
    for choice in choices {
      switch choice {
      case nil: continue
      case .off: return filled
      case .on(let tls): filled = filled?.over(tls) ?? tls
      }
    }
    return filled
  }
}

// MARK: Files

extension TLSConfiguration {
  /// The files it names, by the keys where they stand, such as `certificates[0].key`.
  public var files: [(key: String, file: String)] {
    let pairs = certificates.pairs.enumerated().flatMap { index, pair in
      [
        ("certificates[\(index)].certificate", pair.certificate), ("certificates[\(index)].key", pair.key),
        ("certificates[\(index)].keyPassphraseFile", pair.keyPassphraseFile),
      ]
    }
    return named(
      pairs + [("folder", certificates.folder), ("keyPassphraseFile", keyPassphraseFile)]
        + numbered("clientCA", clientCA)
        + numbered("ticketKeys", ticketKeys))
  }
}

extension BackendTLSConfiguration {
  /// The files it names, by the keys where they stand.
  public var files: [(key: String, file: String)] {
    named(
      numbered("ca", ca ?? []) + [
        ("certificate", certificate), ("key", key), ("keyPassphraseFile", keyPassphraseFile),
      ])
  }
}

private func numbered(_ key: String, _ files: [String]) -> [(String, String?)] {
  files.enumerated().map { ("\(key)[\($0.offset)]", $0.element) }
}

private func named(_ files: [(String, String?)]) -> [(key: String, file: String)] {
  files.compactMap { key, file in file.map { (key: key, file: $0) } }
}
