import Admin
import Base
import Logging
import Telemetry

/// What came of a reload: kept, told, and answered to whoever waits for it.
extension Supervisor {
  /// - Parameter message: the line of the log that says so.
  mutating func conclude(_ report: ReloadReport, _ level: Logger.Level, _ message: String) {
    publish("reload", level, message, as: "reload") { object in
      object.add("result", report.result.rawValue)
      object.add("changes", ReloadReport.few(report.changes))
      object.add("errors", ReloadReport.few(report.errors))
    }
    switch report.result {
    case .done:
      reloads.done += 1
      reloads.loadedAt = report.at
    case .unchanged: reloads.unchanged += 1
    case .refused: reloads.refused += 1
    }
    reloads.last = report
    let waiters = reloadWaiters
    reloadWaiters = []
    for ticket in waiters { admin.server.answer(ticket, Self.answer(report)) }
  }

  /// The program ends before an outcome is there.
  mutating func abandonReload() {
    let waiters = reloadWaiters
    reloadWaiters = []
    for ticket in waiters {
      admin.server.answer(
        ticket, .error(AdminError(.conflict, "the program is ending: the reload was not carried out")))
    }
  }

  private static func answer(_ report: ReloadReport) -> AdminAnswer {
    if report.result == .refused {
      let error = AdminError(.invalid, "the file is refused, the running configuration stays")
      return .error(error) { object in
        object.add("result", report.result.rawValue)
        object.add("errors", report.errors)
      }
    }
    return .json {
      var object = JSONObject()
      object.add("result", report.result.rawValue)
      object.add("changes", report.changes)
      object.add("warnings", report.warnings)
      return object.closed()
    }
  }
}
