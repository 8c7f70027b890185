import Base
import Configuration
import Logging
import Reactor
import TCPProxy
import TLS

/// What keeps TLS young while the program runs: files that have changed, ticket keys, and a word in time before a
/// certificate expires.
struct TLSUpkeep {
  /// Looks at the calendar are cheap, and a certificate does not expire by surprise.
  static let calendarInterval: Duration = .seconds(600)

  var commons: TLSCommons
  let keyLog: KeyLog?
  var expiry = CertificateExpiry()
  /// Of what is watched.
  var generation = 0
  var watcher: TLSWatcher?
  var nextRotation: Instant?
  var nextLook: Instant?

  init(keyLog: KeyLog?) {
    self.keyLog = keyLog
    commons = TLSCommons(keyLog: keyLog?.add)
  }

  /// When something is to be done without anything having happened.
  var next: Instant? { [nextRotation, nextLook].compactMap { $0 }.min() }

  /// Makes what a configuration needs and nobody has made yet.
  mutating func prepare(for configuration: Configuration) throws(NoRandomBytes) {
    guard commons.ticketKeys == nil,
      configuration.listeners.contains(where: { $0.tls?.tickets == true && $0.tls?.ticketKeys.isEmpty == true })
    else { return }
    guard let keys = TicketKeys() else { throw NoRandomBytes() }
    commons.ticketKeys = keys
    nextRotation = Clock.now + TicketKeys.rotation
  }

  struct NoRandomBytes: Error, CustomStringConvertible {
    let description = "the system gives no random bytes for the keys of session tickets"
  }
}

extension Supervisor {
  /// Watches the files of the contexts that are in force now.
  mutating func watchTLS() {
    upkeep.generation += 1
    if upkeep.watcher == nil {
      if tls.isEmpty, files.record.paths.isEmpty { return }
      do throws(SystemError) {
        let mailbox = self.mailbox
        let watcher = try TLSWatcher { mailbox.post(.renewal(generation: $0, $1)) }
        try watcher.start()
        upkeep.watcher = watcher
      } catch {
        log.logger("tls").error(
          "files are not watched, send SIGHUP after a change: \(error) in \(error.operation)")
        return
      }
    }
    upkeep.watcher?.watch(tls, files.record, generation: upkeep.generation, upkeep.commons)
    upkeep.nextLook = tls.certificates.isEmpty ? nil : Clock.now + TLSUpkeep.calendarInterval
  }

  /// Does what is due.
  mutating func tendTLS(now: Instant) {
    if let due = upkeep.nextRotation, due <= now {
      upkeep.nextRotation = now + TicketKeys.rotation
      if upkeep.commons.ticketKeys?.rotate() == false {
        log.logger("tls").error("the keys of session tickets stay as they are: the system gives no random bytes")
      }
    }
    if let due = upkeep.nextLook, due <= now {
      upkeep.nextLook = now + TLSUpkeep.calendarInterval
      tellExpiry()
    }
  }

  mutating func tellExpiry() {
    let notices = upkeep.expiry.notices(tls.certificates, now: .now)
    Self.say(notices.map { "\($0.certificate.owner): \($0.certificate.file): \($0.text)" }) {
      log.logger("tls").warning("\($0)")
    }
  }

  /// What a file does not hold against anybody, in lines that nobody has to scroll through.
  static func say(_ lines: [String], most: Int = 20, _ log: (String) -> Void) {
    for line in lines.prefix(most) { log(line) }
    if lines.count > most { log("and \(lines.count - most) more") }
  }

  /// Files have changed on disk.
  mutating func renewed(generation: Int, _ renewal: TLSRenewal) {
    // A reload has been faster, or everything ends.
    guard generation == upkeep.generation, !isDraining else { return }
    let logger = log.logger("tls")
    switch renewal {
    case .refused(let owner, let problems):
      logger.error("\(owner): what its files hold now is refused, what they held before stays in use:")
      Self.say(problems.map(\.description)) { logger.error("\($0)") }
      return
    case .listener(let name, let server):
      tls.replace(listener: name, server)
      renewListeners { $0 == name }
      logger.notice("listener \(name): new clients get \(Self.summary(server.context.certificates))")
      Self.say(server.context.warnings.map { "listener \(name): \($0)" }) { logger.warning("\($0)") }
    case .named:
      filesChanged()
      return
    case .backends(let settings, let client):
      tls.replace(settings, client)
      let owner = tls.owners[settings] ?? "pools"
      for name in pools.keys.sorted() {
        do throws(TLSProblems) { try pools[name]?.renew(tls) } catch { logger.error("pool \(name): \(error)") }
      }
      checker.configure(healthTargets)
      let shown = client.context.certificate.map { ", and show \(Self.summary([$0]))" } ?? ""
      logger.notice("\(owner): new connections trust what its files hold now\(shown)")
      Self.say(client.context.warnings.map { "\(owner): \($0)" }) { logger.warning("\($0)") }
    }
    tellExpiry()
  }

  /// Files of errorPages, auth or sticky were written.
  private mutating func filesChanged() {
    do throws(ConfigurationErrors) {
      // What is whole when all are read again is taken as by a reload.
      if try NamedFiles(configuration).isSame(as: files) { return }
      apply(configuration)
    } catch {
      let logger = log.logger("files")
      logger.error("what files of errorPages, auth or sticky hold now is refused, what they held before stays in use:")
      Self.say(error.errors.map(\.description)) { logger.error("\($0)") }
    }
  }

  /// Gives listeners the pools and contexts as they are now: from their next request on clients are served by these.
  mutating func renewListeners(where matches: (String) -> Bool) {
    for (name, listener) in listeners where matches(name) { listeners[name] = listener.renewed(pools: pools, tls: tls) }
    let owners = Array(listeners.values)
    for entrance in entrances.entrances {
      guard let owner = Entrances.owner(of: entrance, among: owners), matches(owner.configuration.name) else {
        continue
      }
      workers.replace(entrance.key, service: owner.service)
    }
  }

  /// `/etc/balancer/site.pem (CN=www.example.com, until 2027-02-14) and 2 more`
  private static func summary(_ keys: [CertifiedKey]) -> String {
    guard let first = keys.first else { return "no certificate" }
    let more = keys.count > 1 ? " and \(keys.count - 1) more" : ""
    return "\(first.file) (\(first.facts.subject), until \(first.facts.notAfter.description.prefix(10)))\(more)"
  }
}
