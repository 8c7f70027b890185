import Base

// Routes and what belongs to them in a few words, for `ConfigurationSummary`.

extension RouteConfiguration {
  /// `www.example.com /api → pool api, path rewritten, at most 10/s for each client`
  var summary: String {
    let title = match.summary
    var parts = [(title.isEmpty ? "" : "\(title) ") + "→ \(actionSummary)"]
    if rewrite != nil { parts.append("path rewritten") }
    switch host {
    case .keep: break
    case .backend: parts.append("with the backend as Host")
    case .text(let text): parts.append("with the Host \(text)")
    }
    if requestHeaders != HeaderEditsConfiguration() { parts.append("fields of the request changed") }
    if responseHeaders != HeaderEditsConfiguration() { parts.append("fields of the response changed") }
    if let timeout { parts.append("within \(timeout.written)") }
    if let retries { parts.append(retries == 1 ? "1 retry" : "\(retries) retries") }
    if let mirror { parts.append("copied to pool \(mirror)") }
    if basicFile != nil { parts.append("for whoever has a password") }
    if let rateLimit {
      let whom =
        switch rateLimit.by {
        case .client: "client"
        case .header(let name): name
        }
      parts.append("at most \(rateLimit.rate) for each \(whom)")
    }
    return parts.joined(separator: ", ")
  }

  private var actionSummary: String {
    switch action {
    case .redirect(let redirect): return "redirected to \(redirect.to) (\(redirect.status))"
    case .respond(let respond): return "answered with \(respond.status)"
    case .pools(let shares):
      if shares.count == 1 { return "pool \(shares[0].pool)" }
      let total = shares.reduce(0) { $0 + $1.weight }
      let texts = shares.map { share in
        let tenths = total == 0 ? 0 : (2000 * share.weight + total) / (2 * total)
        return "\(share.pool) \(tenths / 10)\(tenths % 10 == 0 ? "" : ".\(tenths % 10)") %"
      }
      return "pools \(texts.joined(separator: ", "))"
    }
  }
}

extension MatchConfiguration {
  /// `GET www.example.com, *.example.org /api, X-Version`; empty where everything matches.
  var summary: String {
    var parts: [String] = []
    func add(_ texts: [String]) { if !texts.isEmpty { parts.append(ConfigurationSummary.few(texts)) } }
    add(method)
    add(sni.map(\.description))
    add(host.map(\.description))
    add([path.map { "\($0) exactly" }, pathPrefix, pathRegex.map { "~ \($0)" }].compactMap { $0 })
    add(header.map(\.name))
    add(query.map { "?\($0.name)" })
    add(source.map(\.description))
    return parts.isEmpty ? "everything" : parts.joined(separator: " ")
  }
}

extension HTTPHealthConfiguration {
  /// `GET www.example.com/health, 200-299`
  var summary: String {
    "\(method) \(host ?? "")\(path), \(status.written)" + (body.map { ", expecting \($0.quoted)" } ?? "")
  }
}

extension AccessLogConfiguration {
  var summary: String {
    let place =
      switch target {
      case .standardOutput: "standard output"
      case .file(let path): path
      }
    let tenths = Int((sample * 1000).rounded())
    let percent = "\(tenths / 10)\(tenths % 10 == 0 ? "" : ".\(tenths % 10)") %"
    let share = sample == 1 ? "each request" : "\(percent) of the requests"
    return "\(share) as \(format.rawValue) to \(place)"
  }
}
