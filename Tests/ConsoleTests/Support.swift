import Base

@testable import Console

/// Statuses as the admin server answers them.
enum Answers {
  static func backend(
    _ name: String, state: String = "up", why: String? = nil, sessions: Int = 0, rate: Double = 0, errors: Double = 0,
    connect: Double? = nil, since: String = "2026-11-28T00:30:00.000Z", labels: String = "{}", override: String = "null"
  ) -> String {
    """
    {"name": "\(name)", "address": "10.0.0.1:80", "labels": \(labels), "backup": false, "state": "\(state)",
     "since": "\(since)", "why": \(why.map { "\"\($0)\"" } ?? "null"), "weight": 1, "configuredWeight": 1,
     "override": \(override), "sessions": \(sessions), "limit": null, "check": null, "changes": 2,
     "rates": {"sessions": \(rate), "requests": 0, "errors": \(errors), "bytesToBackend": 2048, "bytesFromBackend": 1048576},
     "connect": {"count": 1, "p50": \(connect.map { "\($0)" } ?? "null"), "p90": null, "p99": 0.0123, "p999": null},
     "unknown": [1, {"x": null}]}
    """
  }

  static func pool(_ name: String, state: String = "up", _ backends: [String]) -> String {
    """
    {"name": "\(name)", "scheduler": "round-robin", "state": "\(state)", "eligible": 1, "total": \(backends.count),
     "weightLeft": 67, "waiting": 0, "sessions": 12, "rates": {"sessions": 1.25, "errors": 0},
     "backends": [\(backends.joined(separator: ","))]}
    """
  }

  static func status(_ pools: [String], reload: String = "null", certificates: String = "[]") -> String {
    """
    {"version": "0.1.0", "pid": 4711, "state": "running", "startedAt": "2026-11-28T00:30:00.000Z", "uptime": 3600.5,
     "workers": 2, "connections": {"open": 12, "limit": 10000},
     "configuration": {"file": "balancer.json", "loadedAt": "2026-11-28T01:00:00.000Z",
       "reloads": {"done": 1, "refused": 1, "unchanged": 0}, "lastReload": \(reload)},
     "listeners": [{"name": "web", "mode": "http", "listen": ["[::]:8080"], "tls": true, "pools": ["web"], "sessions": 12,
       "limit": null, "rates": {"sessions": 1.5, "requests": 340.2, "errors": 0, "bytesFromClients": 1, "bytesToClients": 2}}],
     "pools": [\(pools.joined(separator: ","))], "certificates": \(certificates)}
    """
  }

  static func read(_ text: String) throws -> Status { try Status(Reply(Array(text.utf8))) }

  /// Two pools, of which one has a backend that is down.
  static func usual() throws -> Status {
    try read(
      status([
        pool(
          "web", state: "degraded",
          [
            backend("a", sessions: 4, rate: 1.5, connect: 0.0004, labels: "{\"zone\": \"east\"}"),
            backend(
              "b", state: "down", why: "connection refused (ECONNREFUSED)", errors: 2,
              since: "2026-11-28T01:27:00.000Z"),
            backend("c", sessions: 8, rate: 0.5, connect: 0.1),
          ]),
        pool(
          "mail",
          [
            backend(
              "m", state: "drained", why: "drained by hand", sessions: 1,
              override: "{\"state\": \"drain\", \"weight\": null}")
          ]),
      ]))
  }
}
