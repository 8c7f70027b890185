import Base

/// What a configuration would run, in a few lines: `balancer check` prints it.
public struct ConfigurationSummary: Sendable, CustomStringConvertible {
  public let lines: [String]

  /// One a line, without a newline at the end.
  public var description: String { lines.joined(separator: "\n") }

  /// - Parameters:
  ///   - workers: the worker threads that would run.
  ///   - descriptors: how many files this process may have open.
  public init(_ configuration: Configuration, workers: Int, descriptors: Int) {
    var rows: [(String, String)] = []
    rows.append(("workers", configuration.workers == .automatic ? "\(workers) (auto)" : "\(workers)"))
    let carried = DescriptorBudget.connectionsCarried(
      byDescriptors: descriptors, for: configuration, workers: workers)
    let limit = configuration.connectionLimit(workers: workers, descriptors: descriptors)
    if configuration.limits.connections == nil {
      rows.append(("connections", "at most \(limit) (auto: what \(descriptors) open files carry)"))
    } else {
      let shortage = limit > carried ? " (\(descriptors) open files carry only \(carried))" : ""
      rows.append(("connections", "at most \(limit)\(shortage)"))
    }
    for listener in configuration.listeners {
      let lines = Self.text(listener)
      rows += lines.enumerated().map { ($0.offset == 0 ? "listener \(listener.name)" : "", $0.element) }
    }
    for pool in configuration.pools {
      let noun = pool.backends.count == 1 ? "backend" : "backends"
      rows.append(("pool \(pool.name)", "\(pool.scheduler.description), \(pool.backends.count) \(noun)"))
      rows += pool.backends.map { ("", Self.text($0, of: pool)) }
      rows += (Self.text(pool) + Self.text(pool.health)).map { ("", $0) }
    }
    rows.append(("admin", configuration.admin.map(Self.text) ?? "off"))
    let log = configuration.log
    rows.append(("log", "\(log.level.rawValue) and above as \(log.format.rawValue) to \(log.file ?? "standard error")"))
    if let access = log.access { rows.append(("", access.summary)) }
    let drain = configuration.shutdown.drain
    rows.append(("shutdown", drain == .zero ? "at once" : "sessions have \(drain.written) to end"))

    // A long name stands alone rather than pushing every other line to the right.
    let width = min(24, rows.map(\.0.count).max() ?? 0)
    lines = rows.map { title, text in
      title + String(repeating: " ", count: max(0, width - title.count)) + "  " + text
    }
  }

  private static func text(_ listener: ListenerConfiguration) -> [String] {
    let addresses = Endpoint.written(listener.listen).joined(separator: ", ")
    let pool = listener.pool.map { " → pool \($0)" } ?? ""
    let limit = listener.connections.map { ", at most \($0) connections" } ?? ""
    var lines = ["\(addresses) (\(listener.mode.rawValue))\(pool)\(limit)"]
    // Ten thousand routes are not for reading.
    lines += listener.routes.prefix(100).map(\.summary)
    if listener.routes.count > 100 { lines.append("and \(listener.routes.count - 100) more routes") }
    switch listener.mode {
    case .tcp: if listener.pool == nil { lines.append("whoever asks for another name is closed") }
    case .http:
      let answersAll = listener.pool != nil || listener.routes.contains { $0.match.isEverything }
      if listener.http.redirectHTTPS, listener.tls == nil {
        lines.append("whoever comes without TLS is sent to https")
      } else if !answersAll {
        lines.append("whatever no route takes is answered with 404")
      }
    }
    if let tls = listener.tls { lines += Self.text(tls) }
    if listener.proxyProtocol != .off {
      let version = listener.proxyProtocol == .any ? "" : " \(listener.proxyProtocol.rawValue)"
      let trusted = listener.trustedProxies
      let whose = trusted.isEmpty ? "everyone" : Self.few(trusted.map(\.description))
      lines.append("expects a PROXY header\(version), believed of \(whose)")
    }
    if !listener.deny.isEmpty { lines.append("refuses \(Self.few(listener.deny.map(\.description)))") }
    if let allow = listener.allow { lines.append("serves only \(Self.few(allow.map(\.description)))") }
    let perClient = [
      listener.perClient.connections.map { "at most \($0) connections" },
      listener.perClient.rate.map { "\($0) new ones" },
      listener.perClient.requests.map { "\($0) requests" },
    ].compactMap { $0 }
    if !perClient.isEmpty { lines.append("each client: \(perClient.joined(separator: ", "))") }
    return lines
  }

  /// `TLS 1.2 to 1.3: 2 certificates, those in /etc/balancer/tls, ALPN h2`
  private static func text(_ tls: TLSConfiguration) -> [String] {
    let versions = Set([tls.minVersion, tls.maxVersion]).sorted().map(\.rawValue).joined(separator: " to ")
    let count = tls.certificates.pairs.count
    let parts = [
      count == 0 ? nil : "\(count) \(count == 1 ? "certificate" : "certificates")",
      tls.certificates.folder.map { "those in \($0)" },
      tls.alpn.isEmpty ? nil : "ALPN \(tls.alpn.joined(separator: ", "))",
      tls.strictSNI ? "no other server names" : nil,
      tls.tickets ? (tls.ticketKeys.isEmpty ? nil : "shared ticket keys") : "no tickets",
    ].compactMap { $0 }
    var lines = ["TLS \(versions): \(parts.joined(separator: ", "))"]
    switch tls.clientAuth {
    case .off: break
    case .optional: lines.append("clients may show a certificate")
    case .require: lines.append("clients must show a certificate")
    }
    return lines
  }

  /// `TLS, verified by /etc/balancer/ca.pem as app.internal`, `TLS, not verified`
  private static func text(_ tls: BackendTLSConfiguration) -> String {
    let client = tls.certificate == nil ? "" : ", with a client certificate"
    if !tls.verifies { return "TLS, not verified\(client)" }
    let authorities = tls.ca.map { few($0) } ?? "the system's authorities"
    return "TLS, verified by \(authorities)" + (tls.serverName.map { " as \($0)" } ?? "") + client
  }

  /// Some thousand blocks are not for reading.
  static func few(_ texts: [String]) -> String {
    texts.count <= 4
      ? texts.joined(separator: ", ")
      : texts.prefix(3).joined(separator: ", ") + " and \(texts.count - 3) more"
  }

  /// `127.0.0.1:9900, with a token, for 10.0.0.0/8, without the page`
  private static func text(_ admin: AdminConfiguration) -> String {
    let parts = [
      "\(admin.listen)", admin.token != nil || admin.tokenFile != nil ? "with a token" : nil,
      admin.allow.map { "for \(few($0.map(\.description)))" }, admin.dashboard ? nil : "without the page",
    ]
    return parts.compactMap { $0 }.joined(separator: ", ")
  }

  private static func text(_ pool: PoolConfiguration) -> [String] {
    var parts: [String] = []
    if pool.sendProxy != .off { parts.append("a PROXY header \(pool.sendProxy.rawValue)") }
    switch pool.source {
    case nil: break
    case .client: parts.append("the client's own address")
    case .address(let address): parts.append("the local address \(address)")
    }
    var lines = parts.isEmpty ? [] : ["connects with \(parts.joined(separator: " and "))"]
    if case .on(let tls) = pool.tls { lines.append(text(tls)) }
    if pool.prewarm > 0 {
      let noun = pool.prewarm == 1 ? "spare connection" : "spare connections"
      lines.append("\(pool.prewarm) \(noun) to each backend in each worker")
    }
    return lines
  }

  private static func text(_ backend: BackendConfiguration, of pool: PoolConfiguration) -> String {
    let address = backend.address.description
    var parts = [backend.name == address ? address : "\(backend.name) (\(address))"]
    if backend.weight == 0 {
      parts.append("weight 0: no new sessions")
    } else if backend.weight != 1 {
      parts.append("weight \(backend.weight)")
    }
    if backend.connections > 0 { parts.append("at most \(backend.connections) sessions") }
    if backend.backup { parts.append("backup") }
    if backend.tls != nil { parts.append(pool.tls(of: backend).map { Self.text($0) } ?? "without TLS") }
    if let check = backend.check { parts.append("checked at \(check)") }
    return parts.joined(separator: ", ")
  }

  private static func text(_ health: HealthConfiguration?) -> [String] {
    guard let health else { return ["no checks: every backend counts as up"] }
    let worst = "fall \(health.fall) × interval \(health.interval.written) + timeout \(health.timeout.written)"
    var lines = [
      "\(check(health)) every \(health.interval.written), timeout \(health.timeout.written)",
      "a dead backend is noticed after \(health.worstTimeToNotice.written) at the latest (\(worst))",
    ]
    let refusing = health.worstTimeToNoticeRefusal
    if refusing < health.worstTimeToNotice {
      let fast = health.effectiveFastInterval.written
      lines.append("one that refuses connections after \(refusing.written) (every \(fast) from the first failure on)")
    }
    return lines
  }
}

extension ConfigurationSummary {
  /// `tcp check`, `tcp check (expecting "220") of port 25`, `mysql check (as "monitor")`, `script check (pg_isready -t 1)`
  private static func check(_ health: HealthConfiguration) -> String {
    let detail: String? =
      switch health.type {
      case .tcp, .tls: health.expect.map { "expecting \($0.quoted)" } ?? health.send.map { "sending \($0.quoted)" }
      case .http: health.http.summary
      case .mysql: health.user.map { "as \($0.quoted)" }
      case .script: health.script.map { $0.joined(separator: " ") }
      case .redis, .postgresql, .smtp: nil
      }
    return "\(health.type.rawValue) check" + (detail.map { " (\($0))" } ?? "")
      + (health.port.map { " of port \($0)" } ?? "")
  }
}

extension HealthConfiguration {
  /// The interval from the first failed check on, before the verdict.
  public var effectiveFastInterval: Duration { fastInterval ?? interval / 4 }

  /// From the death of a backend to the verdict, at worst: it dies right after a check it passed, and answers none of
  /// the next.
  public var worstTimeToNotice: Duration { interval * fall + timeout }

  /// The same for a backend whose machine refuses connections: a check then fails at once.
  public var worstTimeToNoticeRefusal: Duration { interval + effectiveFastInterval * (fall - 1) }
}
