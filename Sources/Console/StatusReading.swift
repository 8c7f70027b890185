import Base
import Telemetry

extension Status {
  package init(_ reply: Reply) throws(Reply.Fault) {
    version = reply["version"].safe
    process = reply["pid"].integer ?? 0
    state = reply["state"].safe
    uptime = reply["uptime"].number ?? 0
    startedAt = reply["startedAt"].safe
    now = WallTime(rfc3339: startedAt)?.later(seconds: uptime)
    workers = reply["workers"].integer ?? 0
    connections = reply["connections"]["open"].integer ?? 0
    connectionLimit = reply["connections"]["limit"].integer
    let configuration = reply["configuration"]
    file = configuration["file"].safe
    loadedAt = configuration["loadedAt"].time
    reloadsDone = configuration["reloads"]["done"].integer ?? 0
    reloadsRefused = configuration["reloads"]["refused"].integer ?? 0
    let reload = configuration["lastReload"]
    if !reload.isNull {
      lastReload = Reload(
        at: reload["at"].time, result: reload["result"].safe, errors: reload["errors"].texts.map(SafeText.line))
    }
    for listener in try reply["listeners"].needElements() { listeners.append(try ListenerStatus(listener)) }
    for pool in try reply["pools"].needElements() { pools.append(try PoolStatus(pool)) }
    certificates = reply["certificates"].elements.map { certificate in
      Certificate(
        file: certificate["file"].safe, names: certificate["names"].texts.map(SafeText.line),
        daysLeft: certificate["daysLeft"].integer ?? 0)
    }
  }

  /// All backends, in the order of the file.
  package var backends: [BackendStatus] { pools.flatMap(\.backends) }
}

extension ListenerStatus {
  fileprivate init(_ reply: Reply) throws(Reply.Fault) {
    name = SafeText.line(try reply["name"].needText())
    mode = reply["mode"].safe
    listen = reply["listen"].texts.map(SafeText.line)
    tls = reply["tls"].flag
    pools = reply["pools"].texts.map(SafeText.line)
    sessions = reply["sessions"].integer ?? 0
    limit = reply["limit"].integer
    rates = Rates(reply["rates"], bytesIn: "bytesFromClients", bytesOut: "bytesToClients")
    session = Percentiles(reply["session"])
  }
}

extension PoolStatus {
  fileprivate init(_ reply: Reply) throws(Reply.Fault) {
    name = SafeText.line(try reply["name"].needText())
    scheduler = reply["scheduler"].safe
    state = SafeText.line(try reply["state"].needText())
    eligible = reply["eligible"].integer ?? 0
    total = reply["total"].integer ?? 0
    weightLeft = reply["weightLeft"].integer ?? 0
    waiting = reply["waiting"].integer ?? 0
    sessions = reply["sessions"].integer ?? 0
    rates = Rates(reply["rates"], bytesIn: "bytesToBackends", bytesOut: "bytesFromBackends")
    queue = Percentiles(reply["queue"])
    for backend in try reply["backends"].needElements() {
      backends.append(try BackendStatus(backend, pool: name))
    }
  }
}

extension BackendStatus {
  /// - Parameter pool: whose it is; an answer about a backend alone does not say.
  package init(_ reply: Reply, pool: String) throws(Reply.Fault) {
    self.pool = pool
    name = SafeText.line(try reply["name"].needText())
    address = reply["address"].text.map(SafeText.line)
    labels = reply["labels"].members.map { SafeText.line("\($0.key)=\($0.value.text ?? "")") }
    isBackup = reply["backup"].flag
    state = SafeText.line(try reply["state"].needText())
    since = reply["since"].time
    why = reply["why"].text.map(SafeText.line)
    weight = reply["weight"].integer ?? 0
    configuredWeight = reply["configuredWeight"].integer ?? weight
    overriddenState = reply["override"]["state"].text.map(SafeText.line)
    overriddenWeight = reply["override"]["weight"].integer
    sessions = reply["sessions"].integer ?? 0
    limit = reply["limit"].integer
    check = Self.check(reply["check"])
    changes = reply["changes"].integer ?? 0
    rates = Rates(reply["rates"], bytesIn: "bytesToBackend", bytesOut: "bytesFromBackend")
    connect = Percentiles(reply["connect"])
    firstByte = Percentiles(reply["firstByte"])
    session = Percentiles(reply["session"])
  }

  /// `tcp check failed in 0.4 ms, 3/3: connection refused`
  private static func check(_ reply: Reply) -> String? {
    if reply.isNull { return nil }
    var text = "\(reply["type"].safe) check \(reply["result"].safe)"
    if let took = reply["took"].number { text += " in \(Duration.seconds(took).text)" }
    if let streak = reply["streak"].integer, let needed = reply["needed"].integer, streak <= needed {
      text += ", \(streak)/\(needed)"
    }
    // That it passed has been said.
    if let words = reply["words"].text, !words.isEmpty, words != reply["result"].text {
      text += ": \(SafeText.line(words))"
    }
    return text
  }
}

extension Rates {
  fileprivate init(_ reply: Reply, bytesIn: String, bytesOut: String) {
    sessions = reply["sessions"].number ?? 0
    requests = reply["requests"].number ?? 0
    errors = reply["errors"].number ?? 0
    self.bytesIn = reply[bytesIn].number ?? 0
    self.bytesOut = reply[bytesOut].number ?? 0
  }
}

extension Percentiles {
  fileprivate init(_ reply: Reply) {
    p50 = reply["p50"].number
    p90 = reply["p90"].number
    p99 = reply["p99"].number
    p999 = reply["p999"].number
  }
}

extension Reply {
  /// The text, fit for a terminal; empty where there is none.
  package var safe: String { text.map(SafeText.line) ?? "" }

  package var time: WallTime? { text.flatMap(WallTime.init(rfc3339:)) }
}
