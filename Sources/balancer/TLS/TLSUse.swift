import Base
import Configuration
import TLS

/// A place of the configuration that needs TLS: what it needs, and where in the file it says so.
struct TLSUse {
  enum Settings {
    case server(listener: String, TLSServerSettings)
    case client(TLSClientSettings)
  }

  /// Such as `listener web`.
  let owner: String
  let settings: Settings
  /// Where files are named, the nearest first.
  private let files: [(path: String, file: String)]
  /// Where it is said at all, the nearest first.
  private let paths: [String]

  static func all(of configuration: Configuration) -> [TLSUse] {
    configuration.listeners.compactMap(TLSUse.init) + configuration.pools.flatMap(uses)
  }

  private init?(_ listener: ListenerConfiguration) {
    guard let tls = listener.tls else { return nil }
    let path = "listeners.\(listener.name).tls"
    owner = "listener \(listener.name)"
    settings = .server(listener: listener.name, TLSServerSettings(tls, listener: listener.name))
    files = tls.files.map { ("\(path).\($0.key)", $0.file) }
    paths = [path]
  }

  private static func uses(_ pool: PoolConfiguration) -> [TLSUse] {
    var uses: [TLSUse] = []
    var seen = Set<TLSClientSettings>()
    let path = "pools.\(pool.name)"
    for (index, backend) in pool.backends.enumerated() {
      let own = [("\(path).backends[\(index)].tls", backend.tls), ("\(path).tls", pool.tls)]
      let checks = [("\(path).health.tls", pool.health?.tls), ("defaults.health.tls", pool.health?.tls)]
      for (tls, places) in [(pool.tls(of: backend), own), (pool.healthTLS(of: backend), checks + own)] {
        guard let tls, seen.insert(TLSClientSettings(tls)).inserted else { continue }
        uses.append(TLSUse(pool, tls, places))
      }
    }
    return uses
  }

  private init(_ pool: PoolConfiguration, _ tls: BackendTLSConfiguration, _ places: [(String, BackendTLS?)]) {
    owner = "pool \(pool.name)"
    settings = .client(TLSClientSettings(tls))
    files = places.flatMap { path, said -> [(path: String, file: String)] in
      guard case .on(let said) = said else { return [] }
      return said.files.map { ("\(path).\($0.key)", $0.file) }
    }
    paths = places.filter { $0.1 != nil }.map(\.0) + ["pools.\(pool.name).health.type"]
  }

  // MARK: Problems

  func error(_ problem: TLSProblem, _ places: Places) -> ConfigurationError {
    places.error(at: path(of: problem, places), problem.description)
  }

  /// `balancer.json:9:5: warning: listeners.web.tls.certificates[0].key: /etc/balancer/site.key: …`
  func warning(_ problem: TLSProblem, _ places: Places) -> String {
    "\(places.description(of: path(of: problem, places))): \(problem)"
  }

  private func path(of problem: TLSProblem, _ places: Places) -> String {
    let fallback = paths.first(where: places.hasPlace) ?? paths[0]
    guard let file = problem.file else { return problem.setting.map { "\(fallback).\($0)" } ?? fallback }
    let named = files.filter { $0.file == file }.map { use in
      // A lone file may stand there without an array.
      places.hasPlace(use.path) || !use.path.hasSuffix("[0]") ? use.path : String(use.path.dropLast(3))
    }
    if let path = named.first(where: places.hasPlace) ?? named.first { return path }
    // What nobody has named lies in a folder that somebody has, or beside a certificate.
    let folder = files.first { file.hasPrefix($0.file + "/") }
    let beside = files.first { $0.file.withoutExtension == file.withoutExtension }
    return (folder ?? beside)?.path ?? fallback
  }
}

extension String {
  fileprivate var withoutExtension: Substring {
    guard let dot = lastIndex(of: "."), !self[dot...].contains("/") else { return self[...] }
    return self[..<dot]
  }
}

// MARK: Settings

extension TLSServerSettings {
  init(_ tls: TLSConfiguration, listener: String) {
    let certificates = tls.certificates.pairs.map { pair in
      CertificateSource(
        certificate: pair.certificate, key: pair.key, passphraseFile: pair.keyPassphraseFile ?? tls.keyPassphraseFile)
    }
    self.init(name: listener, certificates: certificates, folder: tls.certificates.folder)
    folderPassphraseFile = tls.keyPassphraseFile
    versions = TLSVersion(tls.minVersion)...TLSVersion(tls.maxVersion)
    ciphers = tls.ciphers.map(TLSCiphers.init) ?? .intermediate
    alpn = tls.alpn
    clientAuthentication =
      switch tls.clientAuth {
      case .off: .off
      case .optional: .optional
      case .require: .require
      }
    clientAuthorities = tls.clientCA
    strictSNI = tls.strictSNI
    tickets = tls.tickets
    ticketKeyFiles = tls.ticketKeys
    stapling = tls.ocspStapling
  }
}

extension TLSClientSettings {
  /// Without the name of the backend: that is the peer's.
  init(_ tls: BackendTLSConfiguration) {
    self.init()
    verify = tls.verifies
    authorities = tls.ca ?? []
    certificate = tls.certificate.map {
      CertificateSource(certificate: $0, key: tls.key, passphraseFile: tls.keyPassphraseFile)
    }
    versions = TLSVersion(tls.minVersion ?? .tls12)...TLSVersion.tls13
    alpn = tls.alpn ?? []
  }
}

extension TLSVersion {
  fileprivate init(_ version: TLSConfiguration.Version) {
    self =
      switch version {
      case .tls12: .tls12
      case .tls13: .tls13
      }
  }
}

extension TLSServerName {
  /// What a backend's certificate is for, where nothing else is said; nil for a unix socket.
  init?(_ endpoint: Endpoint) {
    switch endpoint {
    case .ip(let address, _): self = .address(address)
    case .name(let name, _): self.init(name)
    case .any, .unix: return nil
    }
  }
}
