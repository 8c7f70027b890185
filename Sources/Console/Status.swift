import Base

/// What `GET /v1/status` answers, as far as a terminal shows it.
package struct Status: Equatable, Sendable {
  package struct Reload: Equatable, Sendable {
    package var at: WallTime?
    package var result: String
    package var errors: [String]
  }

  package struct Certificate: Equatable, Sendable {
    package var file: String
    package var names: [String]
    package var daysLeft: Int
  }

  package var version = ""
  package var process = 0
  package var state = "running"
  package var uptime: Double = 0
  /// The server's clock when it answered: ages are told by it, whatever the clock here says.
  package var now: WallTime?
  package var startedAt = ""
  package var workers = 0
  package var connections = 0
  package var connectionLimit: Int?
  package var file = ""
  package var loadedAt: WallTime?
  package var reloadsDone = 0
  package var reloadsRefused = 0
  package var lastReload: Reload?
  package var listeners: [ListenerStatus] = []
  package var pools: [PoolStatus] = []
  package var certificates: [Certificate] = []

  package init() {}
}

package struct ListenerStatus: Equatable, Sendable {
  package var name = ""
  package var mode = "tcp"
  package var listen: [String] = []
  package var tls = false
  package var pools: [String] = []
  package var sessions = 0
  package var limit: Int?
  package var rates = Rates()
  package var session = Percentiles()

  package init() {}
}

package struct PoolStatus: Equatable, Sendable {
  package var name = ""
  package var scheduler = ""
  package var state = ""
  package var eligible = 0
  package var total = 0
  package var weightLeft = 0
  package var waiting = 0
  package var sessions = 0
  package var rates = Rates()
  package var queue = Percentiles()
  package var backends: [BackendStatus] = []

  package init() {}
}

package struct BackendStatus: Equatable, Sendable {
  package var pool = ""
  package var name = ""
  package var address: String?
  package var labels: [String] = []
  package var isBackup = false
  package var state = ""
  package var since: WallTime?
  package var why: String?
  package var weight = 0
  package var configuredWeight = 0
  package var overriddenState: String?
  package var overriddenWeight: Int?
  package var sessions = 0
  package var limit: Int?
  package var check: String?
  package var changes = 0
  package var rates = Rates()
  package var connect = Percentiles()
  package var firstByte = Percentiles()
  package var session = Percentiles()

  package init() {}

  /// As commands name it.
  package var path: String { "\(pool)/\(name)" }
}

/// Each for one second.
package struct Rates: Equatable, Sendable {
  package var sessions: Double = 0
  package var requests: Double = 0
  package var errors: Double = 0
  /// Bytes from clients, towards backends.
  package var bytesIn: Double = 0
  /// Bytes from backends, towards clients.
  package var bytesOut: Double = 0

  package init() {}
}

/// In seconds; nil where nothing was measured.
package struct Percentiles: Equatable, Sendable {
  package var p50: Double?
  package var p90: Double?
  package var p99: Double?
  package var p999: Double?

  package init() {}
}
