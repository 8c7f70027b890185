import Base

/// Files routes under their hosts and paths: what `RouteTable` is frozen from.
struct RouteTableBuilder {
  private(set) var hostSlots: [RouteTable.HostSlot] = []
  private(set) var pathSlots: [RouteTable.PathSlot] = []
  private(set) var pathless: [RouteTable.List] = []
  private(set) var lists: [UInt32] = []
  private(set) var conditions = RouteConditions.Draft()
  private(set) var text: [UInt8] = []
  private(set) var longestHost = 0
  private(set) var longestPath = 0
  private(set) var hasPaths = false

  private struct PathKey: Hashable {
    let host: UInt32
    let isExact: Bool
    let path: [UInt8]
  }

  init(_ routes: [RouteMatch]) throws(RoutePath.Malformed) {
    var hosts: [HostPattern: UInt32] = [:]
    // In the order in which they came up: nothing depends on the order of a dictionary.
    var hostOrder: [HostPattern] = []
    var pathOrder: [PathKey] = []
    var byPath: [PathKey: [UInt32]] = [:]
    var byHost: [[UInt32]] = [[]]

    for (index, route) in routes.enumerated() {
      conditions.append(route)
      var ids: [UInt32] = route.hosts.isEmpty ? [0] : []
      for pattern in route.hosts {
        let id = hosts[pattern] ?? UInt32(hostOrder.count + 1)
        if hosts[pattern] == nil {
          hosts[pattern] = id
          hostOrder.append(pattern)
          byHost.append([])
        }
        // A host that a route has twice is filed once.
        if !ids.contains(id) { ids.append(id) }
      }
      let path: (bytes: [UInt8], isExact: Bool)?
      switch route.path {
      case nil: path = nil
      case .exact(let text): path = (try RoutePath.normalized(text), true)
      case .prefix(let text):
        var bytes = try RoutePath.normalized(text)
        if bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        path = (bytes, false)
      }
      for id in ids {
        guard let path else {
          byHost[Int(id)].append(UInt32(index))
          continue
        }
        let key = PathKey(host: id, isExact: path.isExact, path: path.bytes)
        if byPath[key] == nil { pathOrder.append(key) }
        byPath[key, default: []].append(UInt32(index))
      }
    }

    fileHosts(hostOrder)
    pathless = byHost.map { add($0) }
    hasPaths = !pathOrder.isEmpty
    pathSlots = Array(repeating: RouteTable.PathSlot(), count: Self.size(for: pathOrder.count))
    for key in pathOrder { file(key, routes: byPath[key] ?? []) }
  }

  /// A power of two, at most half of which is taken.
  private static func size(for count: Int) -> Int {
    var size = 2
    while size < 2 * count { size *= 2 }
    return size
  }

  private mutating func add(_ routes: [UInt32]) -> RouteTable.List {
    defer { lists += routes }
    return RouteTable.List(start: UInt32(lists.count), count: UInt32(routes.count))
  }

  private mutating func add(_ bytes: [UInt8]) -> UInt32 {
    defer { text += bytes }
    return UInt32(text.count)
  }

  private mutating func fileHosts(_ patterns: [HostPattern]) {
    if patterns.isEmpty { return }
    hostSlots = Array(repeating: RouteTable.HostSlot(), count: Self.size(for: patterns.count))
    for (index, pattern) in patterns.enumerated() {
      let name = Array(pattern.name.utf8)
      let hash = name.reversed().reduce(RouteHash.empty) { RouteHash.extend($0, by: $1) }
      var place = RouteHash.place(hash, salt: pattern.isWildcard ? 1 : 0) & (hostSlots.count - 1)
      while hostSlots[place].count > 0 { place = (place + 1) & (hostSlots.count - 1) }
      hostSlots[place] = RouteTable.HostSlot(
        hash: hash, start: add(name), count: UInt32(name.count), host: UInt32(index + 1), isWildcard: pattern.isWildcard
      )
      longestHost = max(longestHost, name.count)
    }
  }

  private mutating func file(_ key: PathKey, routes: [UInt32]) {
    let hash = key.path.reduce(RouteHash.empty) { RouteHash.extend($0, by: $1) }
    let kind: RouteTable.PathSlot.Kind = key.isExact ? .exact : .prefix
    var place = RouteHash.place(hash, salt: RouteHash.salt(key.host, kind)) & (pathSlots.count - 1)
    while pathSlots[place].kind != .free { place = (place + 1) & (pathSlots.count - 1) }
    pathSlots[place] = RouteTable.PathSlot(
      hash: hash, start: add(key.path), count: UInt32(key.path.count), host: key.host, kind: kind, routes: add(routes))
    longestPath = max(longestPath, key.path.count)
  }
}
