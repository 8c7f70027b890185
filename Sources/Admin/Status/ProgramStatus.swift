import Base
import Telemetry

/// What `/v1/status` says, as plain values: the control thread fills them in, the server's thread writes them.
public struct ProgramStatus: Sendable {
  public var version = ""
  public var process: Int32 = 0
  public var isDraining = false
  public var startedAt = WallTime(nanosecondsSinceEpoch: 0)
  public var uptime = Duration.zero
  public var workers = 0
  public var connections = 0
  public var connectionLimit = 0
  public var configuration = ConfigurationStatus()
  public var listeners: [ListenerStatus] = []
  public var pools: [PoolStatus] = []
  public var certificates: [CertificateStatus] = []

  public init() {}

  public var json: JSONObject {
    var object = JSONObject()
    object.add("version", version)
    object.add("pid", process)
    object.add("state", isDraining ? "draining" : "running")
    object.add("startedAt", startedAt.description)
    object.add("uptime", seconds: uptime)
    object.add("workers", workers)
    var open = JSONObject()
    open.add("open", connections)
    open.add("limit", connectionLimit)
    object.add("connections", open)
    object.add("configuration", configuration.json)
    object.add("listeners", listeners.map(\.json))
    object.add("pools", pools.map(\.json))
    object.add("certificates", certificates.map(\.json))
    return object
  }
}

/// The file that runs, and what became of its reloads.
public struct ConfigurationStatus: Sendable {
  public var file = ""
  public var loadedAt = WallTime(nanosecondsSinceEpoch: 0)
  public var done = 0
  public var refused = 0
  public var unchanged = 0
  /// nil before the first.
  public var last: ReloadReport?

  public init() {}

  var json: JSONObject {
    var object = JSONObject()
    object.add("file", file)
    object.add("loadedAt", loadedAt.description)
    var reloads = JSONObject()
    reloads.add("done", done)
    reloads.add("refused", refused)
    reloads.add("unchanged", unchanged)
    object.add("reloads", reloads)
    object.add("lastReload", last?.json)
    return object
  }
}

/// A reload and what came of it.
public struct ReloadReport: Sendable {
  public enum Result: String, Sendable {
    case done, unchanged, refused
  }

  public var result: Result
  public var at: WallTime
  public var changes: [String] = []
  public var warnings: [String] = []
  public var errors: [String] = []

  public init(_ result: Result, at: WallTime) {
    self.result = result
    self.at = at
  }

  var json: JSONObject {
    var object = JSONObject()
    object.add("at", at.description)
    object.add("result", result.rawValue)
    object.add("changes", Self.few(changes))
    object.add("errors", Self.few(errors))
    return object
  }

  /// Whoever looks every second does not want ten thousand lines each time.
  public static func few(_ lines: [String]) -> [String] {
    let most = 100
    return lines.count <= most ? lines : lines.prefix(most) + ["and \(lines.count - most) more"]
  }
}

public struct CertificateStatus: Sendable {
  public var file = ""
  public var names: [String] = []
  public var notAfter = WallTime(nanosecondsSinceEpoch: 0)
  public var daysLeft = 0

  public init() {}

  var json: JSONObject {
    var object = JSONObject()
    object.add("file", file)
    object.add("names", names)
    object.add("notAfter", notAfter.description)
    object.add("daysLeft", daysLeft)
    return object
  }
}
