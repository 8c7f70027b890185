import Base

extension Configuration {
  /// Reads balancer.json.
  ///
  /// - Parameters:
  ///   - bytes: the file's content, at most 16 MiB.
  ///   - file: the file's name as errors tell it.
  ///   - folder: the absolute path that relative paths in the file start from.
  ///   - environment: the value of a variable, nil where it is not set.
  ///   - judges: know what this target cannot.
  /// - Throws: every mistake in the file in one go. After a syntax error it is the only one.
  public static func read(
    _ bytes: [UInt8], file: String, folder: String, environment: (String) -> String?,
    judges: Judges
  ) throws(ConfigurationErrors) -> Configuration {
    let json: JSONValue
    do {
      json = try JSONParser.parse(bytes)
    } catch {
      throw ConfigurationErrors([
        ConfigurationError(file: file, location: error.location, path: "", message: error.message)
      ])
    }
    let (configuration, errors) = withoutActuallyEscaping(environment) { environment in
      let reading = Reading(file: file, folder: folder, environment: environment, judges: judges)
      return (Draft.read(json, reading), reading.errors)
    }
    guard errors.isEmpty, let configuration else {
      throw ConfigurationErrors(
        errors.enumerated().sorted { ($0.element.location, $0.offset) < ($1.element.location, $1.offset) }
          .map(\.element))
    }
    return configuration
  }
}

/// The document while it is read: the configuration, and what is only there to be inherited.
struct Draft: Sendable {
  var configuration = Configuration()
  /// What every pool begins as.
  var defaults = PoolConfiguration()

  static let shape = Shape<Draft>.object(
    Draft(),
    [
      .ignored("$schema", "The address of this schema, for editors; the program ignores it."),
      Field(
        "workers", \.configuration.workers, .workers,
        "Worker threads. auto: as many as the processors this process may use (its affinity and its cgroup's quota)."),
      Field(
        "defaults", \.defaults, .object(PoolConfiguration(), PoolConfiguration.inheritedFields),
        "What every pool takes over that does not say otherwise."),
      .named(
        "listeners", \.configuration.listeners, ListenerConfiguration.shape, name: \.name, noun: "listener",
        "Where clients connect, by name."),
      .named(
        "pools", \.configuration.pools, PoolConfiguration.shape, name: \.name, noun: "pool",
        startingFrom: { $0.defaults },
        "Sets of backends, by name."),
      Field(
        "admin", \.configuration.admin, .admin,
        "Where the program lets itself be looked at and steered, over HTTP; off: nowhere. Default: 127.0.0.1:9900, where that is free."
      ),
      Field("log", \.configuration.log, LogConfiguration.shape, "What is logged, how and where."),
      Field("limits", \.configuration.limits, LimitsConfiguration.shape, "Limits of the whole process."),
      Field("shutdown", \.configuration.shutdown, ShutdownConfiguration.shape, "How the program ends."),
    ])

  /// Reads the document and checks what only the whole of it tells. The result counts only where no error came up.
  static func read(_ json: JSONValue, _ reading: Reading) -> Configuration? {
    let draft = shape.read(json, nil, reading)
    checkPoolReferences(json, reading)
    checkListenAddresses(reading)
    if let draft {
      checkScripts(draft.configuration.pools, reading)
      checkModes(draft.configuration, json, reading)
      checkSpares(draft.configuration.pools, reading)
    }
    guard var configuration = draft?.configuration else { return nil }
    configuration.places = Places(file: reading.file, locations: reading.places)
    return configuration
  }

  private static func checkPoolReferences(_ json: JSONValue, _ reading: Reading) {
    // A pool that is there but wrong is still there.
    guard case .object(let pools) = json["pools"]?.kind else { return }
    let names = Set(pools.map(\.key))
    for reference in reading.poolReferences where !names.contains(reference.value) {
      let near = Suggestions.nearest(to: reference.value, among: pools.map(\.key))
      reading.fail(
        at: reference.location, path: reference.path,
        "no pool is named \(reference.value.quoted)" + (near.map { " (\(didYouMean($0)))" } ?? ""))
    }
  }

  /// A script may be inherited, or only its type.
  private static func checkScripts(_ pools: [PoolConfiguration], _ reading: Reading) {
    var told: Set<String> = []
    for pool in pools {
      let healths = ["pools.\(pool.name).health", "defaults.health"]
      guard pool.health?.type == .script, pool.health?.script == nil,
        // One that is there, but wrong, has been told.
        !healths.contains(where: { reading.places["\($0).script"] != nil }),
        let path = healths.map({ "\($0).type" }).first(where: { reading.places[$0] != nil }),
        let location = reading.places[path], told.insert(path).inserted
      else { continue }
      reading.fail(at: location, path: path, "\"script\" is missing: the program that checks")
    }
  }

  /// A connection that is there before its client cannot say whose it is.
  private static func checkSpares(_ pools: [PoolConfiguration], _ reading: Reading) {
    for pool in pools where pool.prewarm > 0 {
      let path = "pools.\(pool.name).prewarm"
      guard let location = reading.places[path] else { continue }
      if pool.sendProxy != .off {
        reading.fail(
          at: location, path: path,
          "spare connections are made before their client is known, and a server that expects a PROXY header (sendProxy)"
            + " does not wait for it: set prewarm to 0 or sendProxy to \"off\"")
      }
      if pool.source == .client {
        reading.fail(
          at: location, path: path,
          "spare connections are made before their client is known, whose address they would come from"
            + " (source \"client\"): set prewarm to 0 or give another source")
      }
    }
  }

  /// Two sockets that want the same address, or one of them all addresses of a port of which the other wants one: the
  /// kernel refuses the second (bind(2), EADDRINUSE).
  private static func checkListenAddresses(_ reading: Reading) {
    var first: [Endpoint: Reading.Mention<Endpoint>] = [:]
    /// Of all addresses of a port, the first mention of a single one.
    var single: [Endpoint: Reading.Mention<Endpoint>] = [:]
    var told = Set<Location>()
    for mention in reading.listenAddresses.sorted(by: { $0.location < $1.location }) {
      let identity = mention.value.listeningIdentity
      let wider = mention.value.allAddresses
      let part = single[identity]
      if let earlier = first[identity] ?? wider.lazy.compactMap({ first[$0] }).first ?? part {
        // A range of ports that meets another is one mistake.
        guard told.insert(mention.location).inserted else { continue }
        let place = "\(earlier.path) at \(earlier.location.line):\(earlier.location.column)"
        let same = earlier.value == mention.value ? "" : " as \(earlier.value)"
        reading.fail(
          at: mention.location, path: mention.path, "\(mention.value) is taken already\(same), by \(place)")
      } else {
        first[identity] = mention
        for all in wider where single[all] == nil { single[all] = mention }
      }
    }
  }
}

extension Endpoint {
  /// Equal for two texts that name one socket.
  fileprivate var listeningIdentity: Endpoint {
    switch self {
    case .any(let port): .ip(.anyIPv6, port: port)
    case .name(let host, let port): .name(host.lowercased(), port: port)
    case .ip, .unix: self
    }
  }

  /// The identities of the sockets on all addresses of which this is one, or may be.
  fileprivate var allAddresses: [Endpoint] {
    switch self {
    case .ip(.anyIPv6, _), .any, .unix: []
    case .ip(let address, let port):
      address.isIPv4 && address != .anyIPv4
        ? [.ip(.anyIPv6, port: port), .ip(.anyIPv4, port: port)] : [.ip(.anyIPv6, port: port)]
    case .name(_, let port): [.ip(.anyIPv6, port: port)]
    }
  }
}
