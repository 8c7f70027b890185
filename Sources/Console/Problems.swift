/// What somebody should look at, the worst first; each a sentence.
package enum Problems {
  /// A certificate that ends sooner is told of.
  package static let certificateDays = 14

  package static func of(_ status: Status) -> [(text: String, condition: Condition)] {
    var problems: [(text: String, condition: Condition)] = []
    if status.state == "draining" { problems.append(("the program is ending: it takes no new clients", .bad)) }
    for pool in status.pools where Condition(state: pool.state) != .good {
      problems.append(
        (
          "pool \(pool.name) is \(pool.state): \(pool.eligible) of \(Figures.count(pool.total, "backend")) eligible, "
            + "\(pool.weightLeft)% of weight left"
            + (pool.waiting > 0 ? "; \(Figures.count(pool.waiting, "session")) waiting" : ""),
          Condition(state: pool.state) == .bad ? .bad : .passing
        ))
    }
    for backend in status.backends where Condition(state: backend.state) != .good {
      problems.append(of(backend, status))
    }
    if let reload = status.lastReload, reload.result == "refused" {
      problems.append((refusal(reload, status), .bad))
    }
    for certificate in status.certificates where certificate.daysLeft <= certificateDays {
      let names = certificate.names.isEmpty ? "" : " for \(certificate.names.joined(separator: ", "))"
      problems.append(
        certificate.daysLeft < 0
          ? ("certificate \(certificate.file)\(names) has expired", .bad)
          : (
            "certificate \(certificate.file)\(names) expires in \(Figures.count(certificate.daysLeft, "day"))", .passing
          ))
    }
    // Sorting keeps the order of equals only by chance.
    return problems.enumerated().sorted { ($1.element.condition, $0.offset) < ($0.element.condition, $1.offset) }
      .map(\.element)
  }

  private static func of(_ backend: BackendStatus, _ status: Status) -> (text: String, condition: Condition) {
    // Such as "drained by hand".
    let why = backend.why ?? ""
    var text = "\(backend.path) is \(why.hasPrefix(backend.state) ? why : backend.state)"
    if let since = backend.since, let now = status.now { text += " for \(Figures.age(now.seconds(since: since)))" }
    if !why.isEmpty, !why.hasPrefix(backend.state) { text += ": \(why)" }
    if backend.sessions > 0 { text += "; \(Figures.count(backend.sessions, "session")) open" }
    return (text, Condition(state: backend.state))
  }

  private static func refusal(_ reload: Status.Reload, _ status: Status) -> String {
    var text = "the last reload was refused"
    if let at = reload.at, let now = status.now { text += " \(Figures.age(now.seconds(since: at))) ago" }
    if let first = reload.errors.first { text += ": \(first)" }
    if reload.errors.count > 1 { text += " (and \(reload.errors.count - 1) more)" }
    return text
  }
}
