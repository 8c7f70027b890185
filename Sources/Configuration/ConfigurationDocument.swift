import Base

extension Configuration {
  /// The configuration as the file would have it, with everything that is inherited or goes without saying, in an order
  /// that never changes, and without secrets: a token, and what fields of requests may carry, are three stars.
  public var document: String { withoutSecrets.text }

  /// The same as one value.
  package var withoutSecrets: JSONValue {
    let workers = Shape<WorkerCount>.workers.write(workers) ?? "auto"
    let members: [(String, JSONValue?)] = [
      ("workers", workers),
      ("listeners", .object(listeners.map { ($0.name, ListenerConfiguration.shape.write($0)?.hidingSecrets ?? .object([])) })),
      ("pools", .object(pools.map { ($0.name, Self.write($0).hidingSecrets) })),
      ("admin", Shape<AdminConfiguration?>.admin.write(admin)),
      ("log", LogConfiguration.shape.write(log)),
      ("limits", LimitsConfiguration.shape.write(limits)),
      ("shutdown", ShutdownConfiguration.shape.write(shutdown)),
    ]
    return .object(members.compactMap { key, value in value.map { (key, $0) } })
  }

  private static func write(_ pool: PoolConfiguration) -> JSONValue {
    let backends = pool.backends.map { backend in
      var backend = backend
      // Its address, which no name looks like, goes without saying.
      if backend.name == backend.address.description { backend.name = "" }
      return BackendConfiguration.objectShape.write(backend) ?? .object([])
    }
    let settings = PoolConfiguration.settingsShape.write(pool) ?? .object([])
    guard case .object(let members) = settings.kind else { return settings }
    return .object([("backends", .array(backends))] + members.map { ($0.key, $0.value) })
  }
}

extension JSONValue {
  /// Fields of messages by which somebody shows who he is.
  private static let secretFields: Set<String> = [
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token",
  ]

  /// Objects of fields are looked through at whatever depth they are.
  fileprivate var hidingSecrets: JSONValue {
    switch kind {
    case .array(let elements): .array(elements.map(\.hidingSecrets))
    case .object(let members):
      .object(
        members.map { member in
          if case .string = member.value.kind, Self.secretFields.contains(member.key.lowercased()) {
            return (member.key, "***")
          }
          return (member.key, member.value.hidingSecrets)
        })
    default: self
    }
  }
}
