import Base

/// One thing before and after.
public struct Change<Value: Equatable & Sendable>: Equatable, Sendable {
  public let old: Value
  public let new: Value

  /// nil where nothing changed.
  init?(_ old: Value, _ new: Value) {
    if old == new { return nil }
    self.old = old
    self.new = new
  }
}

/// What became of a list whose elements have an identity. What is added or changed is in the order of the new list,
/// what is removed in the order of the old one.
public struct Changes<Element: Equatable & Sendable>: Equatable, Sendable {
  public private(set) var added: [Element] = []
  public private(set) var removed: [Element] = []
  public private(set) var changed: [Change<Element>] = []

  public var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

  init<Identity: Hashable>(from old: [Element], to new: [Element], by identify: (Element) -> Identity) {
    let before = Dictionary(old.map { (identify($0), $0) }, uniquingKeysWith: { first, _ in first })
    var kept = Set<Identity>()
    for element in new {
      let identity = identify(element)
      if let earlier = before[identity] {
        kept.insert(identity)
        if let change = Change(earlier, element) { changed.append(change) }
      } else {
        added.append(element)
      }
    }
    removed = old.filter { !kept.contains(identify($0)) }
  }
}

/// What a reload has to touch: the running configuration compared with a new one.
///
/// Listeners and pools are known by their names, a backend by its pool, its name and its address: a backend that moved is
/// another one. Their order in the file means nothing.
public struct ConfigurationDiff: Equatable, Sendable {
  public struct PoolChange: Equatable, Sendable {
    public let pool: Change<PoolConfiguration>
    public let backends: Changes<BackendConfiguration>

    /// Something other than the backends changed: the scheduler, the checks, a timeout…
    public var changesSettings: Bool {
      var old = pool.old
      old.backends = pool.new.backends
      return old != pool.new
    }
  }

  public let workers: Change<WorkerCount>?
  public let limits: Change<LimitsConfiguration>?
  public let admin: Change<AdminConfiguration?>?
  public let log: Change<LogConfiguration>?
  public let shutdown: Change<ShutdownConfiguration>?
  public let listeners: Changes<ListenerConfiguration>
  public let addedPools: [PoolConfiguration]
  public let removedPools: [PoolConfiguration]
  public let changedPools: [PoolChange]

  public init(from old: Configuration, to new: Configuration) {
    workers = Change(old.workers, new.workers)
    limits = Change(old.limits, new.limits)
    admin = Change(old.admin, new.admin)
    log = Change(old.log, new.log)
    shutdown = Change(old.shutdown, new.shutdown)
    listeners = Changes(from: old.listeners, to: new.listeners, by: \.name)
    let pools = Changes(from: old.pools, to: new.pools, by: \.name)
    addedPools = pools.added
    removedPools = pools.removed
    changedPools = pools.changed.compactMap { pool in
      let change = PoolChange(
        pool: pool,
        backends: Changes(from: pool.old.backends, to: pool.new.backends) { [$0.name, $0.address.description] })
      return change.backends.isEmpty && !change.changesSettings ? nil : change
    }
  }

  /// Nothing to do.
  public var isEmpty: Bool { lines.isEmpty }
}

// MARK: In words

extension ConfigurationDiff {
  /// For the log, one change a line: `+ backend web/127.0.0.1:9004`, `~ backend web/b: weight 1 → 3`,
  /// `- listener old (:8081)`.
  public var lines: [String] {
    var lines: [String] = []
    lines += Self.changes(.workers, workers).map { "~ workers: \($0)" }
    lines += Self.changes(LimitsConfiguration.shape, limits).map { "~ limits: \($0)" }
    lines += adminLines
    lines += Self.changes(LogConfiguration.shape, log).map { "~ log: \($0)" }
    lines += Self.changes(ShutdownConfiguration.shape, shutdown).map { "~ shutdown: \($0)" }

    for pool in addedPools {
      lines.append("+ pool \(pool.name)")
      lines += pool.backends.map { "+ backend \(pool.name)/\($0.title)" }
    }
    for change in changedPools { lines += Self.lines(change) }
    lines += listeners.added.map { "+ listener \($0.title)" }
    for change in listeners.changed {
      lines += Self.changes(ListenerConfiguration.shape, change).map { "~ listener \(change.new.name): \($0)" }
    }
    lines += listeners.removed.map { "- listener \($0.title)" }
    for pool in removedPools {
      lines += pool.backends.map { "- backend \(pool.name)/\($0.title)" }
      lines.append("- pool \(pool.name)")
    }
    return lines
  }

  /// A token is not shown, so that its change is told in other words.
  private var adminLines: [String] {
    guard let admin else { return [] }
    let lines = Self.changes(.admin, admin).map { "~ admin: \($0)" }
    guard let old = admin.old, let new = admin.new, old.token != new.token, old.token != nil, new.token != nil else {
      return lines
    }
    return lines + ["~ admin: token another one"]
  }

  private static func lines(_ change: PoolChange) -> [String] {
    let name = change.pool.new.name
    var lines = changes(PoolConfiguration.settingsShape, change.pool).map { "~ pool \(name): \($0)" }
    lines += change.backends.added.map { "+ backend \(name)/\($0.title)" }
    for backend in change.backends.changed {
      lines += changes(BackendConfiguration.objectShape, backend).map { "~ backend \(name)/\(backend.new.name): \($0)" }
    }
    lines += change.backends.removed.map { "- backend \(name)/\($0.title)" }
    return lines
  }

  /// Each key that changed, as the file would write its values. The tables of the keys are what is compared, so that no
  /// key is ever forgotten here.
  private static func changes<Value>(_ shape: Shape<Value>, _ change: Change<Value>?) -> [String] {
    guard let change else { return [] }
    return differences(shape.write(change.old), shape.write(change.new), at: "")
  }

  private static func differences(_ old: JSONValue?, _ new: JSONValue?, at path: String) -> [String] {
    if case .object(let before) = old?.kind, case .object(let after) = new?.kind {
      let keys = before.map(\.key) + after.map(\.key).filter { key in !before.contains { $0.key == key } }
      return keys.flatMap { key in
        differences(old?[key], new?[key], at: path.isEmpty ? key : "\(path).\(key)")
      }
    }
    if old?.text == new?.text { return [] }
    if let lines = differences(of: old, new, at: path) { return lines }
    let (before, after) = (old?.plainText ?? "unset", new?.plainText ?? "unset")
    return [path.isEmpty ? "\(before) → \(after)" : "\(path) \(before) → \(after)"]
  }
}

extension ConfigurationDiff {
  /// Of lists of objects, such as routes, only those that differ, between the same ones at the beginning and at the end.
  /// nil where the lists are none of that kind, or one of them is empty.
  private static func differences(of old: JSONValue?, _ new: JSONValue?, at path: String) -> [String]? {
    guard case .array(var before) = old?.kind, case .array(var after) = new?.kind, !before.isEmpty, !after.isEmpty,
      (before + after).allSatisfy({ if case .object = $0.kind { true } else { false } })
    else { return nil }
    var first = 0
    let (beforeTexts, afterTexts) = (before.map(\.text), after.map(\.text))
    while first < min(before.count, after.count), beforeTexts[first] == afterTexts[first] { first += 1 }
    var last = 0
    while last < min(before.count, after.count) - first,
      beforeTexts[before.count - 1 - last] == afterTexts[after.count - 1 - last]
    { last += 1 }
    before = Array(before[first..<(before.count - last)])
    after = Array(after[first..<(after.count - last)])
    if before.count == after.count {
      return zip(before, after).enumerated().flatMap { index, pair in
        differences(pair.0, pair.1, at: "\(path)[\(first + index)]")
      }
    }
    func texts(_ elements: [JSONValue]) -> String {
      elements.isEmpty ? "none" : JSONValue.array(elements).plainText
    }
    return ["\(path) from [\(first)] on \(texts(before)) → \(texts(after))"]
  }
}

extension BackendConfiguration {
  /// Its name, with the address behind it where the name is another.
  fileprivate var title: String {
    let address = self.address.description
    return name == address ? name : "\(name) (\(address))"
  }
}

extension ListenerConfiguration {
  fileprivate var title: String { "\(name) (\(Endpoint.written(listen).joined(separator: ", ")))" }
}

extension JSONValue {
  /// On one line and without quotes, as a log line bears it.
  fileprivate var plainText: String {
    switch kind {
    case .null: "null"
    case .boolean(let value): "\(value)"
    case .number(let text): text
    case .string(let text): String(text.jsonLiteral.dropFirst().dropLast())
    case .array(let elements):
      // Thousands of blocks are not for reading.
      elements.isEmpty
        ? "none"
        : elements.prefix(8).map(\.plainText).joined(separator: ", ")
          + (elements.count > 8 ? " and \(elements.count - 8) more" : "")
    case .object(let members): "{ " + members.map { "\($0.key): \($0.value.plainText)" }.joined(separator: ", ") + " }"
    }
  }
}
