import Base

/// What is hardly meant of an HTTP listener's routes.
enum RouteAdvice {
  static func warnings(_ listener: ListenerConfiguration) -> [(path: String, message: String)] {
    let path = "listeners.\(listener.name)"
    var warnings: [(String, String)] = []
    if listener.http.redirectHTTPS, listener.tls != nil {
      warnings.append(("\(path).http.redirectHTTPS", "nobody comes without TLS: it redirects nobody"))
    } else if listener.http.redirectHTTPS {
      for (key, isSet) in [("routes", !listener.routes.isEmpty), ("pool", listener.pool != nil)] where isSet {
        warnings.append(("\(path).\(key)", "never looked at: http.redirectHTTPS sends everybody to https"))
      }
      return warnings
    }
    var unreachable = UnreachableRoutes(listener.routes).messages
    for (index, route) in listener.routes.enumerated() {
      for share in route.pools where share.weight == 0 {
        unreachable.append(
          (index, "routes[\(index)] gives nothing to the pool \(share.pool.quoted), whose weight is 0"))
      }
      if listener.tls == nil, !route.match.sni.isEmpty {
        unreachable.append(
          (index, "routes[\(index)] never gets anything: without \"tls\" no client says the server name that it wants"))
      }
      if route.redirectsToItself {
        unreachable.append(
          (
            index,
            "routes[\(index)] takes what it redirects to (\(route.redirect?.to ?? "")): clients would go round in circles"
          ))
      }
    }
    // In the order of the routes; of one route, in the order above.
    let sorted = unreachable.enumerated().sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
    return warnings + sorted.map { ("\(path).routes", $0.element.1) }
  }
}

/// Routes that get nothing, because another before them takes all of it.
private struct UnreachableRoutes {
  private(set) var messages: [(Int, String)] = []

  /// Where earlier routes stand, by one host and what they say of the path. The routes that might take another one are
  /// few that way, however many there are.
  private var earlier: [String: [Int]] = [:]

  init(_ routes: [RouteConfiguration]) {
    for (index, route) in routes.enumerated() {
      let hosts: [HostPattern?] = route.match.host.isEmpty ? [nil] : route.match.host
      let takers = hosts.map { host in taker(of: route, host: host, among: routes) }
      if let taker = takers[0], takers.allSatisfy({ $0 == taker }) {
        messages.append((index, "routes[\(index)] never gets anything: routes[\(taker)] takes it all first"))
      } else {
        for (host, taker) in zip(hosts, takers) {
          guard let host, let taker else { continue }
          messages.append((index, "routes[\(index)] never gets \(host): routes[\(taker)] takes it first"))
        }
      }
      for host in hosts { earlier[Self.key(host?.description, route.match.pathKey), default: []].append(index) }
    }
  }

  private static func key(_ host: String?, _ path: String) -> String { "\(host ?? "") \(path)" }

  /// The first route that takes all that `route` would take of a host.
  private func taker(of route: RouteConfiguration, host: HostPattern?, among routes: [RouteConfiguration]) -> Int? {
    var first: Int?
    for host in [nil] + (host?.takers ?? []) {
      for path in route.match.pathTakers {
        for index in earlier[Self.key(host, path)] ?? [] where index < first ?? .max {
          if routes[index].match.restTakes(route.match) {
            first = index
            break
          }
        }
      }
    }
    return first
  }
}

extension HostPattern {
  /// The patterns that take all of this one's hosts.
  fileprivate var takers: [String] {
    var takers = [description]
    var rest = name[...]
    while let dot = rest.firstIndex(of: ".") {
      rest = rest[rest.index(after: dot)...]
      takers.append("*.\(rest)")
    }
    return takers
  }
}

extension MatchConfiguration {
  fileprivate var pathKey: String {
    var parts: [String] = []
    if let path { parts.append("= \(path)") }
    if let pathPrefix { parts.append(Self.prefixKey(pathPrefix)) }
    if let pathRegex { parts.append("~ \(pathRegex)") }
    return parts.joined(separator: " ")
  }

  private static func prefixKey(_ prefix: some StringProtocol) -> String {
    prefix.hasSuffix("/") ? "^ \(prefix.dropLast())" : "^ \(prefix)"
  }

  /// What a route says of the path that takes all the paths of this one.
  fileprivate var pathTakers: [String] {
    var takers = ["", pathKey]
    if let pathRegex, pathPrefix != nil { takers.append("~ \(pathRegex)") }
    if let whole = path ?? pathPrefix {
      takers.append(Self.prefixKey(whole))
      for index in whole.indices where whole[index] == "/" { takers.append(Self.prefixKey(whole[..<index])) }
    }
    return takers
  }

  /// Whether all that `other` takes meets the conditions here, hosts and paths aside.
  fileprivate func restTakes(_ other: MatchConfiguration) -> Bool {
    func takes(_ conditions: [Entry<ValueMatch>], _ others: [Entry<ValueMatch>], sameName: (String, String) -> Bool)
      -> Bool
    {
      conditions.allSatisfy { condition in
        others.contains { other in
          sameName(condition.name, other.name)
            && (condition.value == other.value || condition.value == .present(true) && other.value != .present(false))
        }
      }
    }
    return (method.isEmpty || !other.method.isEmpty && other.method.allSatisfy(method.contains))
      && takes(header, other.header) { $0.lowercased() == $1.lowercased() }
      && takes(query, other.query, sameName: ==)
      && (source.isEmpty
        || !other.source.isEmpty
          && other.source.allSatisfy { block in
            source.contains { $0.prefixLength <= block.prefixLength && $0.contains(block.network) }
          })
      && (sni.isEmpty
        || !other.sni.isEmpty
          && other.sni.allSatisfy { name in
            sni.contains { $0 == name || $0.isWildcard && name.name.hasSuffix(".\($0.name)") }
          })
  }
}

extension RouteConfiguration {
  /// Whether a client that follows the redirect comes to this route again: told only where host and path are all that
  /// is matched, and the target says both.
  fileprivate var redirectsToItself: Bool {
    guard let to = redirect?.to else { return false }
    var paths = match
    (paths.host, paths.path, paths.pathPrefix) = ([], nil, nil)
    guard paths.isEverything else { return false }
    // Another scheme is another listener, of which nothing is known here.
    guard to.hasPrefix("/") else { return false }
    let path = to.prefix { $0 != "?" && $0 != "#" }
    guard let placeholder = path.firstIndex(of: "{") else { return takes(String(path)) }
    // With more behind it, only a prefix says that all of it is taken.
    return match.path == nil && takes(String(path[..<placeholder]))
  }

  private func takes(_ path: String) -> Bool {
    if let exact = match.path { return path == exact }
    guard let prefix = match.pathPrefix else { return true }
    let whole = prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix
    return path == whole || path.hasPrefix("\(whole)/")
  }
}
