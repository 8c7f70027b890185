import Admin
import Base
import Configuration
import Reactor
import Synchronization
import TLS
import Telemetry

/// Judges a configuration that somebody has sent, on a thread of its own: large files and slow disks hold up nobody.
final class TrialChecks: Sendable {
  /// At once: each may have a file of a megabyte, and whatever that names.
  private static let most = 2
  private let running = Atomic<Int>(0)

  fileprivate func begin() -> Bool {
    if running.add(1, ordering: .relaxed).newValue <= Self.most { return true }
    end()
    return false
  }

  fileprivate func end() { running.subtract(1, ordering: .relaxed) }
}

extension Supervisor {
  func check(_ bytes: [UInt8], _ ticket: AdminTicket) throws(AdminError) {
    let busy = AdminError(.unavailable, "other files are being checked; try again")
    let (checks, server) = (trialChecks, admin.server)
    guard checks.begin() else { throw busy }
    let trial = Trial(
      file: file, running: configuration, tls: tls, commons: upkeep.commons, workers: workers.count,
      descriptors: descriptorLimit)
    do throws(SystemError) {
      try Thread(name: "check") {
        let answer = trial.judge(bytes)
        // Whoever has the answer may ask for the next.
        checks.end()
        server.answer(ticket, answer)
      }.detach()
    } catch {
      checks.end()
      throw busy
    }
  }
}

/// What a file is held against.
private struct Trial: Sendable {
  let file: ConfigurationFile
  let running: Configuration
  let tls: TLSContexts
  let commons: TLSCommons
  let workers: Int
  let descriptors: Int

  func judge(_ bytes: [UInt8]) -> AdminAnswer {
    let configuration: Configuration
    let contexts: TLSContexts
    let files: NamedFiles
    do {
      configuration = try file.read(bytes)
      files = try NamedFiles(configuration)
      contexts = try TLSContexts(configuration, former: tls, commons: commons)
    } catch {
      let errors = "\(error)".split(separator: "\n").map(String.init)
      return .error(AdminError(.invalid, "the file has mistakes")) { object in
        object.add("valid", false)
        object.add("errors", errors)
      }
    }
    let changes = ConfigurationDiff(from: running, to: configuration).lines + contexts.renewed(since: tls)
    var expiry = CertificateExpiry()
    let warnings =
      ConfigurationAdvice(configuration, workers: workers, descriptors: descriptors).warnings.map { "\($0)" }
      + KernelAdvice.warnings(configuration) + files.warnings + contexts.warnings(configuration, &expiry)
    return .json {
      var object = JSONObject()
      object.add("valid", true)
      object.add("changes", changes)
      object.add("warnings", warnings)
      return object.closed()
    }
  }
}
