import Base

extension Configuration {
  /// The configuration as the file would have it, with everything that is inherited or goes without saying, in an order
  /// that never changes, and without secrets: a token, and what fields of requests may carry, are three stars.
  public var document: String { withoutSecrets.text }

  /// The same as one value.
  package var withoutSecrets: JSONValue {
    var modes: [String: Set<ListenerConfiguration.Mode>] = [:]
    for listener in listeners { for pool in listener.pools { modes[pool, default: []].insert(listener.mode) } }
    let workers = Shape<WorkerCount>.workers.write(workers) ?? "auto"
    let members: [(String, JSONValue?)] = [
      ("workers", workers),
      ("listeners", .object(listeners.map { ($0.name, Self.write($0).readable) })),
      ("pools", .object(pools.map { ($0.name, Self.write($0, modes: modes[$0.name] ?? []).readable) })),
      ("admin", Shape<AdminConfiguration?>.admin.write(admin)?.readable),
      ("log", LogConfiguration.shape.write(log)?.readable),
      ("limits", LimitsConfiguration.shape.write(limits)),
      ("shutdown", ShutdownConfiguration.shape.write(shutdown)),
    ]
    return .object(members.compactMap { key, value in value.map { (key, $0) } })
  }

  private static func write(_ listener: ListenerConfiguration) -> JSONValue {
    let json = ListenerConfiguration.shape.write(listener) ?? .object([])
    var written = listener.routes.isEmpty ? json.without("routes") : json
    if listener.tls?.clientCA.isEmpty == true { written = written.without("tls.clientCA") }
    if listener.tls?.ticketKeys.isEmpty == true { written = written.without("tls.ticketKeys") }
    guard listener.mode == .tcp else { return written }
    return written.without("http").without("timeouts.request").without("timeouts.keepAlive").without("timeouts.body")
  }

  /// - Parameter modes: of the listeners that use it.
  private static func write(_ pool: PoolConfiguration, modes: Set<ListenerConfiguration.Mode>) -> JSONValue {
    let backends = pool.backends.map { backend in
      var backend = backend
      // Its address, which no name looks like, goes without saying.
      if backend.name == backend.address.description { backend.name = "" }
      return BackendConfiguration.objectShape.write(backend) ?? .object([])
    }
    var settings = PoolConfiguration.settingsShape.write(pool) ?? .object([])
    // Keys that no client could ever meet are mistakes.
    if modes == [.tcp] {
      settings = settings.without("timeouts.response").without("timeouts.tunnel").without("keepAlive")
    }
    if modes == [.http] { settings = settings.without("prewarm") }
    if pool.sticky?.key == .source {
      settings = settings.without("sticky.secure").without("sticky.httpOnly").without("sticky.sameSite")
    } else {
      settings = settings.without("sticky.size")
    }
    if pool.sticky?.keyFiles.isEmpty == true { settings = settings.without("sticky.keyFile") }
    guard case .object(let members) = settings.kind else { return settings }
    return .object([("backends", .array(backends))] + members.map { ($0.key, $0.value) })
  }
}

extension JSONValue {
  /// - Parameter path: of a member, such as `timeouts.request`.
  fileprivate func without(_ path: String) -> JSONValue {
    guard case .object(let members) = kind else { return self }
    let keys = path.split(separator: ".", maxSplits: 1).map(String.init)
    return .object(
      members.compactMap { member in
        if member.key != keys[0] { return (member.key, member.value) }
        return keys.count == 1 ? nil : (member.key, member.value.without(keys[1]))
      })
  }

  /// Fields of messages by which somebody shows who he is.
  private static let secretFields: Set<String> = [
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token",
  ]

  /// The keys of objects that have such fields.
  private static let ofFields: Set<String> = ["headers", "header", "set", "add"]

  /// Without secrets, at whatever depth, and such that it can be read again.
  fileprivate var readable: JSONValue { readable(in: "") }

  /// - Parameter key: of which it is the value.
  private func readable(in key: String) -> JSONValue {
    switch kind {
    case .array(let elements): return .array(elements.map { $0.readable(in: key) })
    case .object(let members):
      return .object(
        members.map { member in
          if Self.ofFields.contains(key), case .string = member.value.kind,
            Self.secretFields.contains(member.key.lowercased())
          {
            return (member.key, "***")
          }
          return (member.key, member.value.readable(in: member.key))
        })
    // What the file's own text has to say so that nothing is filled in.
    case .string(let text): return .string(Template.escaped(text))
    default: return self
    }
  }
}
