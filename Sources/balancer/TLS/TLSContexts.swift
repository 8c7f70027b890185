import Base
import Configuration
import Reactor
import TLS

/// What the program has once for all that speaks TLS.
struct TLSCommons: Sendable {
  /// nil where nothing is to be served, only checked.
  var ticketKeys: TicketKeys?
  /// Only where the command line asks for it.
  var keyLog: TLSKeyLog?
}

/// The contexts of a configuration, each with what it was built from. One that would be built again from the same settings
/// and the same content is kept instead, and with it the sessions that may be resumed.
struct TLSContexts: Sendable {
  struct Server: Sendable {
    let settings: TLSServerSettings
    let context: TLSServerContext
    var record: FileRecord
  }

  struct Client: Sendable {
    let context: TLSClientContext
    var record: FileRecord
  }

  /// By the listener's name.
  private(set) var servers: [String: Server] = [:]
  /// Backends of whatever pool that are talked to alike share one; what they are called is the peer's business.
  private(set) var clients: [TLSClientSettings: Client] = [:]
  /// Who uses a client context, such as `pool web`.
  private(set) var owners: [TLSClientSettings: String] = [:]

  /// Reads all files.
  /// - Parameter former: what runs.
  /// - Throws: every problem of all of them in one go.
  init(
    _ configuration: Configuration, former: TLSContexts?, commons: TLSCommons
  ) throws(ConfigurationErrors) {
    var errors: [ConfigurationError] = []
    for use in TLSUse.all(of: configuration) {
      do throws(TLSProblems) {
        switch use.settings {
        case .server(let name, let settings):
          servers[name] = try Self.build(settings, former: former?.servers[name], commons)
        case .client(let settings):
          owners[settings] = owners[settings] ?? use.owner
          if clients[settings] == nil {
            clients[settings] = try Self.build(settings, former: former?.clients[settings], commons)
          }
        }
      } catch {
        errors += error.problems.filter { $0.severity == .error }.map { use.error($0, configuration.places) }
      }
    }
    if !errors.isEmpty {
      // Two pools may name the same bad file; what stands in one place is told once.
      var told = Set<ConfigurationError>()
      let different = errors.filter { told.insert($0).inserted }
      throw ConfigurationErrors(Array(different.sorted { $0.location < $1.location }.prefix(ConfigurationErrors.limit)))
    }
  }

  /// Whether no file has changed since.
  var isCurrent: Bool { servers.values.allSatisfy(\.record.isCurrent) && clients.values.allSatisfy(\.record.isCurrent) }

  /// Whether these are the very same contexts.
  func isSame(as other: TLSContexts) -> Bool {
    servers.mapValues { ObjectIdentifier($0.context) } == other.servers.mapValues { ObjectIdentifier($0.context) }
      && clients.mapValues { ObjectIdentifier($0.context) } == other.clients.mapValues { ObjectIdentifier($0.context) }
  }

  mutating func replace(listener: String, _ server: Server) { servers[listener] = server }
  mutating func replace(_ settings: TLSClientSettings, _ client: Client) { clients[settings] = client }

  // MARK: Building

  static func build(
    _ settings: TLSServerSettings, former: Server?, _ commons: TLSCommons
  ) throws(TLSProblems) -> Server {
    let former = former.flatMap { $0.settings == settings ? $0 : nil }
    if let former, former.record.isCurrent { return former }
    let disk = RecordingDisk()
    let context = try TLSServerContext(
      settings, files: disk.files, ticketKeys: commons.ticketKeys, keyLog: commons.keyLog, now: .now)
    let record = disk.record
    if let former, former.record.hasSameContent(as: record) {
      return Server(settings: settings, context: former.context, record: record)
    }
    return Server(settings: settings, context: context, record: record)
  }

  static func build(
    _ settings: TLSClientSettings, former: Client?, _ commons: TLSCommons
  ) throws(TLSProblems) -> Client {
    if let former, former.record.isCurrent { return former }
    let disk = RecordingDisk()
    let context = try makeClient(settings, disk, commons)
    let record = disk.record
    if let former, former.record.hasSameContent(as: record) { return Client(context: former.context, record: record) }
    return Client(context: context, record: record)
  }

  static func makeClient(
    _ settings: TLSClientSettings, _ disk: RecordingDisk, _ commons: TLSCommons
  ) throws(TLSProblems) -> TLSClientContext {
    try TLSClientContext(
      settings.withSystemTrust, files: disk.files, systemTrust: SystemTrust(), keyLog: commons.keyLog, now: .now)
  }

  // MARK: What is to be known of them

  var isEmpty: Bool { servers.isEmpty && clients.isEmpty }

  /// What is hardly meant, each with its place in the file; certificates that expire soon are told once.
  func warnings(_ configuration: Configuration, _ expiry: inout CertificateExpiry) -> [String] {
    let notices = expiry.notices(certificates, now: .now).map { notice in
      (notice.certificate.owner, TLSProblem(.warning, file: notice.certificate.file, notice.text))
    }
    var lines: [String] = []
    for use in TLSUse.all(of: configuration) {
      let warnings: [TLSProblem] =
        switch use.settings {
        case .server(let name, _): servers[name]?.context.warnings ?? []
        case .client(let settings): clients[settings]?.context.warnings ?? []
        }
      let expiring = notices.filter { $0.0 == use.owner && !warnings.contains($0.1) }.map(\.1)
      lines += (warnings + expiring).map { use.warning($0, configuration.places) }
    }
    var told = Set<String>()
    return lines.filter { told.insert($0).inserted }
  }

  /// Those that were built anew although nothing else has changed.
  func renewed(since former: TLSContexts) -> [String] {
    let listeners = servers.filter { name, server in
      former.servers[name].map { $0.settings == server.settings && $0.context !== server.context } ?? false
    }.map { "listener \($0.key)" }
    let pools = clients.filter { settings, client in
      former.clients[settings].map { $0.context !== client.context } ?? false
    }.map { owners[$0.key] ?? "pools" }
    return (listeners + pools).sorted().map { "~ \($0): the files of its tls were read again" }
  }

  /// The certificates in use, with their days to expiry.
  var certificates: [CertificateExpiry.Certificate] {
    let own = servers.sorted { $0.key < $1.key }.flatMap { name, server in
      server.context.certificates.map {
        CertificateExpiry.Certificate(owner: "listener \(name)", file: $0.file, facts: $0.facts)
      }
    }
    let shown = clients.compactMap { settings, client in
      client.context.certificate.map {
        CertificateExpiry.Certificate(owner: owners[settings] ?? "pools", file: $0.file, facts: $0.facts)
      }
    }
    return own + shown.sorted { ($0.owner, $0.file) < ($1.owner, $1.file) }
  }
}

extension WallTime {
  static var now: WallTime { WallTime(nanosecondsSinceEpoch: Clock.wallNanoseconds) }
}

extension TLSClientSettings {
  /// Names the system's authorities, so that they are watched as well.
  fileprivate var withSystemTrust: TLSClientSettings {
    guard verify, authorities.isEmpty else { return self }
    var settings = self
    let bundle = TrustStore.systemBundles.first { path in
      do throws(SystemError) { return try FileStatus.of(path).isRegular } catch { return false }
    }
    if let bundle { settings.authorities = [bundle] }
    return settings
  }
}
