import Base
import Configuration
import Glibc
import Reactor
import TLS

/// What has become of files that a context was built from.
enum TLSRenewal: Sendable {
  case listener(String, TLSContexts.Server)
  case backends(TLSClientSettings, TLSContexts.Client)
  /// Of errorPages, auth or sticky.
  case named
  /// What they hold now cannot be used: the old context stays.
  case refused(owner: String, [TLSProblem])
}

/// The thread that looks whether certificates, keys, authorities, OCSP responses and ticket keys have changed on disk, and
/// builds contexts anew, so that neither a slow disk nor a thousand certificates hold anybody else up.
///
/// It looks at the files themselves (stat(2)) once a second. inotify(7) would be told at once, but it follows a file, not
/// a path: a link that is exchanged anywhere above a file goes unseen, and so does what another machine writes on a network
/// file system; and the watches and instances of a user are few, while there may be thousands of certificates.
final class TLSWatcher: Sendable {
  private enum Message: Sendable {
    case watch(generation: Int, [Subject])
    case stop
  }

  /// One context and its files.
  private struct Subject: Sendable {
    let owner: String
    var record: FileRecord
    let rebuild: @Sendable (_ record: FileRecord) -> (TLSRenewal?, FileRecord)
    /// In the order in which they are looked at.
    var paths: [String]
    /// The next of them.
    var cursor = 0
    /// They have changed and were seen so; nothing is built while they go on changing.
    var unsettled: (stamps: [String: FileStamp?], rounds: Int)?

    init(
      owner: String, _ record: FileRecord, _ rebuild: @escaping @Sendable (FileRecord) -> (TLSRenewal?, FileRecord)
    ) {
      self.owner = owner
      self.record = record
      self.rebuild = rebuild
      paths = record.paths
    }
  }

  /// From one look to the next. What has not changed from one to the next is taken to be whole: so a certificate and its
  /// key come together.
  private static let interval: Duration = .seconds(1)
  /// Files that are looked at in one go; with more of them a round takes several.
  private static let mostLooks = 5000
  /// Files that never come to rest are read anyway.
  private static let mostRounds = 10

  private let mailbox: Mailbox<Message>
  private let finished: Mailbox<Void>
  private let report: @Sendable (_ generation: Int, TLSRenewal) -> Void

  /// - Parameter report: called on the watcher's thread, with the generation of what is watched.
  init(report: @escaping @Sendable (_ generation: Int, TLSRenewal) -> Void) throws(SystemError) {
    mailbox = try Mailbox()
    finished = try Mailbox()
    self.report = report
  }

  func start() throws(SystemError) {
    _ = try Reactor.Thread(name: "certificates") { [self] in
      run()
      finished.post(())
    }
  }

  /// Ends the thread, and waits `limit` milliseconds for that at most: a disk that does not answer is not waited for.
  func stop(limit: Int32 = 1000) {
    mailbox.post(.stop)
    var wait = pollfd(fd: finished.descriptor, events: Int16(POLLIN), revents: 0)
    _ = poll(&wait, 1, limit)
  }

  /// Watches the files of exactly these contexts from now on.
  /// - Parameters:
  ///   - generation: what is reported of former ones has another.
  ///   - files: what the configuration names besides.
  func watch(_ contexts: TLSContexts, _ files: FileRecord, generation: Int, _ commons: TLSCommons) {
    let servers = contexts.servers.map { name, server in
      Subject(owner: "listener \(name)", server.record) { record in
        Self.attempt("listener \(name)", record) { disk throws(TLSProblems) in
          let context = try TLSServerContext(
            server.settings, files: disk.files, ticketKeys: commons.ticketKeys, keyLog: commons.keyLog, now: .now)
          let built = TLSContexts.Server(settings: server.settings, context: context, record: disk.record)
          return .listener(name, built)
        }
      }
    }
    let clients = contexts.clients.map { settings, client in
      let owner = contexts.owners[settings] ?? "pools"
      return Subject(owner: owner, client.record) { record in
        Self.attempt(owner, record) { disk throws(TLSProblems) in
          let context = try TLSContexts.makeClient(settings, disk, commons)
          return .backends(settings, TLSContexts.Client(context: context, record: disk.record))
        }
      }
    }
    let named = files.paths.isEmpty ? [] : [Subject(owner: "files", files) { (.named, $0.again) }]
    mailbox.post(.watch(generation: generation, named + (servers + clients).sorted { $0.owner < $1.owner }))
  }

  private static func attempt(
    _ owner: String, _ former: FileRecord, _ build: (RecordingDisk) throws(TLSProblems) -> TLSRenewal
  ) -> (TLSRenewal?, FileRecord) {
    let disk = RecordingDisk()
    do throws(TLSProblems) {
      let renewal = try build(disk)
      // Written again, but with the same content.
      return (former.hasSameContent(as: disk.record) ? nil : renewal, disk.record)
    } catch {
      return (.refused(owner: owner, error.problems.filter { $0.severity == .error }), disk.record)
    }
  }

  // MARK: The thread

  private func run() {
    var subjects: [Subject] = []
    var generation = 0
    var next = Clock.now + Self.interval
    while true {
      var wait = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
      let rest = subjects.isEmpty ? nil : max(next - Clock.now, .zero)
      _ = poll(&wait, 1, rest.map { Int32($0.nanoseconds / 1_000_000) + 1 } ?? -1)
      for message in mailbox.take() {
        switch message {
        case .stop: return
        case .watch(let new, let watched):
          generation = new
          subjects = watched
          next = Clock.now + Self.interval
        }
      }
      if Clock.now < next { continue }
      for index in subjects.indices { look(at: &subjects[index], generation) }
      next = Clock.now + Self.interval
    }
  }

  private func look(at subject: inout Subject, _ generation: Int) {
    if let (stamps, rounds) = subject.unsettled {
      let now = subject.record.stamps
      if now != stamps, rounds < Self.mostRounds {
        subject.unsettled = (now, rounds + 1)
        return
      }
      subject.unsettled = nil
      let (renewal, record) = subject.rebuild(subject.record)
      // What is refused is not tried again before it changes again.
      subject.record = record
      subject.paths = record.paths
      subject.cursor = 0
      if let renewal { report(generation, renewal) }
      return
    }
    for _ in 0..<min(subject.paths.count, Self.mostLooks) {
      let path = subject.paths[subject.cursor]
      subject.cursor = (subject.cursor + 1) % subject.paths.count
      if !subject.record.isCurrent(path) {
        subject.unsettled = (subject.record.stamps, 0)
        return
      }
    }
  }
}
