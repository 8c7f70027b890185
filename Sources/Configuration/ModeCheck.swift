import Base

// Keys that belong to one mode alone, and stand where another holds.

extension ListenerConfiguration {
  private static let httpTimeouts = ["request", "keepAlive", "body"]

  @Sendable
  static func checkMode(_ listener: Self, _ json: JSONValue, _ reading: Reading) {
    // A mode that is wrong has been told, and what it should have been is not known.
    if reading.errors.contains(where: { $0.path == "\(reading.path).mode" }) { return }
    switch listener.mode {
    case .tcp: checkTCP(json, reading)
    case .http: checkHTTP(listener, json, reading)
    }
  }

  private static func checkTCP(_ json: JSONValue, _ reading: Reading) {
    let belongs = "needs \"mode\": \"http\" of this listener, whose mode is \"tcp\""
    func refuse(_ key: String, of json: JSONValue?, _ why: String) {
      json?.member(key).map { member in reading.inside(member) { reading.fail(at: member.location, why) } }
    }
    func inside(_ key: String, _ body: (JSONValue) -> Void) {
      json.member(key).map { member in reading.inside(member) { body(member.value) } }
    }
    refuse("http", of: json, belongs)
    if json["pool"] == nil, json["routes"] == nil, json["http"] != nil {
      reading.fail(at: json.location, "\"pool\" is missing")
    }
    inside("timeouts") { timeouts in
      for key in httpTimeouts { refuse(key, of: timeouts, belongs) }
    }
    inside("perClient") { refuse("requests", of: $0, belongs) }
    inside("routes") { routes in
      guard case .array(let elements) = routes.kind else { return }
      for (index, route) in elements.enumerated() {
        guard case .object(let members) = route.kind else { continue }
        reading.inside(index) {
          for member in members where member.key != "match" && member.key != "pool" {
            guard RouteConfiguration.keys.contains(member.key) else { continue }
            reading.inside(member) { reading.fail(at: member.location, belongs) }
          }
          if let pool = route.member("pool"), case .array = pool.value.kind {
            reading.inside(pool) {
              reading.fail(
                at: pool.value.location, "a pool's name expected: several with shares need \"mode\": \"http\"")
            }
          }
          guard let match = route.member("match") else {
            reading.fail(at: route.location, "\"match\" is missing")
            return
          }
          reading.inside(match) {
            guard case .object(let conditions) = match.value.kind else { return }
            for member in conditions where member.key != "sni" && MatchConfiguration.keys.contains(member.key) {
              reading.inside(member) {
                reading.fail(
                  at: member.location, "\(belongs): of a TLS client that is passed through only \"sni\" is seen")
              }
            }
            if match.value["sni"] == nil { reading.fail(at: match.value.location, "\"sni\" is missing") }
          }
        }
      }
    }
  }

  private static func checkHTTP(_ listener: Self, _ json: JSONValue, _ reading: Reading) {
    // Who comes with TLS is not redirected.
    let isRedirected = listener.http.redirectHTTPS && listener.tls == nil
    if json["pool"] == nil, json["routes"] == nil, json["http"] != nil, !isRedirected {
      reading.fail(at: json.location, "\"pool\" is missing")
    }
    if let tls = json.member("tls"), let alpn = tls.value.member("alpn"), listener.tls?.alpn.contains("h2") == true {
      reading.inside(tls) {
        reading.inside(alpn) {
          reading.fail(
            at: alpn.value.location,
            "agrees upon \"h2\", and HTTP/2 is not spoken yet: write [\"http/1.1\"], or leave it out")
        }
      }
    }
    if listener.timeouts.client == nil, let timeouts = json.member("timeouts"),
      let client = timeouts.value.member("client")
    {
      reading.inside(timeouts) {
        reading.inside(client) {
          reading.fail(at: client.value.location, "cannot be off with \"mode\": \"http\": a duration expected")
        }
      }
    }
  }
}

extension Draft {
  /// What only requests have, of a pool that gets none.
  static func checkModes(_ configuration: Configuration, _ json: JSONValue, _ reading: Reading) {
    // A listener that is wrong may be the one that makes the keys right.
    if reading.errors.contains(where: { $0.path == "listeners" || $0.path.hasPrefix("listeners.") }) { return }
    var modes: [String: Set<ListenerConfiguration.Mode>] = [:]
    for listener in configuration.listeners {
      for pool in listener.pools { modes[pool, default: []].insert(listener.mode) }
    }
    let needs = "needs a listener with \"mode\": \"http\""
    var told: Set<String> = []
    for pool in configuration.pools {
      let isOnlyOfTCP = modes[pool.name] == [.tcp]
      guard isOnlyOfTCP || modes[pool.name] == [.http] else { continue }
      func refuse(_ keys: [String], _ message: String, mayBeInherited: Bool = false) {
        let roots = ["pools.\(pool.name)"] + (mayBeInherited ? ["defaults"] : [])
        for root in roots {
          var member: JSONValue.Member?
          for key in root.split(separator: ".", maxSplits: 1).map(String.init) + keys {
            member = (member?.value ?? json).member(key)
            if member == nil { break }
          }
          guard let member else { continue }
          let path = ([root] + keys).joined(separator: ".")
          if told.insert(path).inserted { reading.fail(at: member.value.location, path: path, message) }
          return
        }
      }
      guard isOnlyOfTCP else {
        refuse(
          ["prewarm"],
          "needs a listener with \"mode\": \"tcp\"; with \"http\" connections wait by themselves: see \"keepAlive\"")
        continue
      }
      for key in ["response", "tunnel"] { refuse(["timeouts", key], needs) }
      refuse(["keepAlive"], needs)
      refuse(["sticky", "cookie"], "\(needs); with \"tcp\" clients are known by \"source\" alone")
      if case .hash(let key, _) = pool.scheduler, key != .serverName {
        refuse(
          ["scheduler", "hash"], "\(key.description.quoted) \(needs); with \"tcp\" only \"sni\" can be hashed",
          mayBeInherited: true)
      }
    }
  }
}

extension JSONValue {
  /// The first member with this key, if this is an object that has one.
  fileprivate func member(_ key: String) -> Member? {
    guard case .object(let members) = kind else { return nil }
    return members.first { $0.key == key }
  }
}
