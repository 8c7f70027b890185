import AccessLog
import Authentication
import Balancing
import Base
import Logging
import Reactor
import Synchronization

/// What the control thread and other workers say to a worker.
enum WorkerMessage: Sendable {
  /// A client that another worker accepted; the descriptor's owner is the message.
  case adopt(client: Int32, Service, IPAddress?, port: UInt16, ClientTable.Ticket?)
  case open(Int, SharedDescriptor, Service, exclusive: Bool)
  case replace(Int, Service)
  case close(Int)
  case resumeAccepting
  case poolChanged(Pool)
  /// A session's place in the queue has come to the front: it counts on this backend.
  case granted(Handle, Pool, Backend)
  /// The same for an exchange.
  case grantedExchange(Handle, Pool, Backend)
  case closeSessions(Backend)
  case keepSpares([SpareOrder])
  /// Sessions have taken the room of its spares.
  case trimSpares(Backend)
  /// From now on exchanges are logged there, or nowhere.
  case logAccess(AccessLogWriter?, share: Double)
  /// Somebody wants to see the sessions: the next slice of them.
  case list(SessionScan)
  /// A password that this worker asked for.
  case verified(PasswordVerifier.Answer)
  /// Accept what already waits, then close the listening sockets.
  case drain
  /// End every session and the thread.
  case stop
}

/// All workers, as the control thread and the workers themselves see them.
public final class WorkerGroup: Sendable {
  let mailboxes: [Mailbox<WorkerMessage>]
  private let loads: [Load]
  let admission: Admission
  let incidents: Incidents
  let logger: Logger
  let hasKernelTLS: Bool
  private let threads = Mutex<[Thread]>([])
  /// Called by a worker when its last session has ended while it drains.
  let onDrained: @Sendable () -> Void
  /// Called by a worker when the `Outcomes` of a backend are to be taken; with the cause of a failure.
  let onOutcome: @Sendable (Backend, _ cause: String?) -> Void

  /// Alone in its cache line, so that workers do not slow each other down by counting.
  private final class Load: Sendable {
    let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
    let sessions = Atomic<Int>(0)
    let paddingBehind: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)
  }

  /// - Parameter hasKernelTLS: see `KernelTLS.obstacle`.
  public init(
    count: Int, admission: Admission, incidents: Incidents, logger: Logger, hasKernelTLS: Bool = false,
    onDrained: @escaping @Sendable () -> Void,
    onOutcome: @escaping @Sendable (Backend, _ cause: String?) -> Void = { _, _ in }
  ) throws(SystemError) {
    var mailboxes: [Mailbox<WorkerMessage>] = []
    for _ in 0..<count { mailboxes.append(try Mailbox()) }
    self.mailboxes = mailboxes
    loads = (0..<count).map { _ in Load() }
    self.admission = admission
    self.incidents = incidents
    self.logger = logger
    self.hasKernelTLS = hasKernelTLS
    self.onDrained = onDrained
    self.onOutcome = onOutcome
  }

  public var count: Int { mailboxes.count }

  /// Sessions of each worker now.
  public var sessions: [Int] { loads.map { $0.sessions.load(ordering: .relaxed) } }

  /// Starts the threads.
  public func start() throws(SystemError) {
    for index in 0..<count {
      let thread = try Thread(name: "worker \(index)") { [self] in
        do throws(SystemError) {
          var worker = try Worker(index: index, group: self)
          worker.run()
        } catch {
          incidents.add(.failed, "worker \(index)", cause: "\(error) in \(error.operation)")
        }
      }
      threads.withLock { $0.append(thread) }
    }
  }

  /// Waits until all threads have ended: after `stop`.
  public func join() {
    for thread in threads.withLock({ threads in
      defer { threads = [] }; return threads
    }) { thread.join() }
  }

  private func tellAll(_ message: WorkerMessage) {
    for mailbox in mailboxes { mailbox.post(message) }
  }

  /// Opens an address: its sockets are shared out to the workers. One socket for all is watched by all.
  /// - Parameter key: names the address in later calls.
  public func open(_ key: Int, sockets: [SharedDescriptor], service: Service) {
    for (index, mailbox) in mailboxes.enumerated() {
      mailbox.post(.open(key, sockets[index % sockets.count], service, exclusive: sockets.count < count))
    }
  }

  /// From now on new sessions of the address are served in another way.
  public func replace(_ key: Int, service: Service) { tellAll(.replace(key, service)) }

  /// Accepts what already waits at the address, then closes it.
  public func close(_ key: Int) { tellAll(.close(key)) }

  /// The pool has another set of eligible backends: sessions that wait for one try again.
  public func poolChanged(_ pool: Pool) { tellAll(.poolChanged(pool)) }

  /// Ends all sessions of a backend.
  public func closeSessions(of backend: Backend) { tellAll(.closeSessions(backend)) }

  /// From now on spare connections are kept for these and no others.
  public func keepSpares(_ orders: [SpareOrder]) { tellAll(.keepSpares(orders)) }

  /// From now on exchanges are logged there; nil is nowhere.
  /// - Parameters:
  ///   - log: for as many workers as there are.
  ///   - share: of the exchanges, 0…1.
  public func logAccess(to log: AccessLogWriter?, share: Double = 1) { tellAll(.logAccess(log, share: share)) }

  func trimSpares(of backend: Backend) { tellAll(.trimSpares(backend)) }

  public func resumeAccepting() { tellAll(.resumeAccepting) }
  public func drain() { tellAll(.drain) }
  public func stop() { tellAll(.stop) }

  // MARK: Load

  /// Gives back a place that `Admission` gave, and wakes those who wait for one.
  func leave(_ service: Service) {
    if admission.leave(service) { resumeAccepting() }
  }

  /// Bytes that a session held are gone.
  func freeMemory(_ bytes: Int) {
    if admission.free(bytes) { resumeAccepting() }
  }

  func began(on worker: Int) { loads[worker].sessions.add(1, ordering: .relaxed) }
  func ended(on worker: Int) { loads[worker].sessions.subtract(1, ordering: .relaxed) }

  /// The emptiest worker, if `worker` has so many more sessions that handing one over is worth a wake-up.
  ///
  /// The kernel spreads connections by a hash, which for 1000 long-lived ones on 4 workers leaves some worker with a
  /// fifth too many. An eighth above the emptiest, plus two, keeps the fullest below 1.25 times the mean from a few
  /// sessions up, and rarely acts when sessions are short.
  func emptierWorker(than worker: Int) -> Int? {
    let own = loads[worker].sessions.load(ordering: .relaxed)
    var emptiest = worker
    var fewest = own
    for index in loads.indices {
      let sessions = loads[index].sessions.load(ordering: .relaxed)
      if sessions < fewest {
        fewest = sessions
        emptiest = index
      }
    }
    return own > fewest + fewest / 8 + 2 ? emptiest : nil
  }
}
