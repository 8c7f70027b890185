import Base
import Reactor
import Synchronization

/// A question to the control thread; its answer goes to `AdminServer.answer` with the ticket, once.
public struct AdminQuestion: Sendable {
  public let ticket: AdminTicket
  public let task: AdminTask
  /// Who asks: `127.0.0.1:53412`, `unix`.
  public let peer: String
}

/// Whose question it was. A client that is gone by then misses its answer.
public struct AdminTicket: Sendable {
  let handle: Handle
  /// Others have asked the same meanwhile, and wait for this answer.
  var isShared = false
}

/// The admin server as other threads see it. It has a thread and an event loop of its own: what it knows of the program it
/// has asked the control thread for, by messages, and its clients can keep nobody waiting but themselves.
public final class AdminServer: Sendable {
  enum Message: Sendable {
    case configure(AdminSettings)
    case answer(AdminTicket, AdminAnswer)
    case publish(kind: String, data: String)
    case stop
  }

  let mailbox: Mailbox<Message>
  private let hasStarted = Atomic<Bool>(false)
  let ask: @Sendable (AdminQuestion) -> Void
  let refuse: @Sendable (_ cause: String) -> Void

  /// - Parameters:
  ///   - ask: called on the server's thread; must not wait.
  ///   - refuse: called on the server's thread for each client that was turned away, or could not be let in.
  public init(
    ask: @escaping @Sendable (AdminQuestion) -> Void, refuse: @escaping @Sendable (_ cause: String) -> Void
  ) throws(SystemError) {
    mailbox = try Mailbox()
    self.ask = ask
    self.refuse = refuse
  }

  /// Starts the thread, which serves nobody before `configure`.
  public func start() throws(SystemError) -> Thread {
    let thread = try Thread(name: "admin") { [self] in
      do throws(SystemError) {
        var loop = try AdminLoop(self)
        loop.run()
      } catch {
        refuse("the admin server cannot start: \(error) in \(error.operation)")
      }
    }
    hasStarted.store(true, ordering: .relaxed)
    return thread
  }

  /// From now on it goes by these. Addresses that are no longer among them are closed, streams of events end, and
  /// connections close after the answer that they wait for: what they were let in by may hold no more.
  public func configure(_ settings: AdminSettings) { mailbox.post(.configure(settings)) }

  public func answer(_ ticket: AdminTicket, _ answer: AdminAnswer) { mailbox.post(.answer(ticket, answer)) }

  /// Tells all readers of events.
  /// - Parameter data: JSON on one line.
  public func publish(_ kind: String, _ data: String) {
    // Nobody would take it out of the mailbox.
    if hasStarted.load(ordering: .relaxed) { mailbox.post(.publish(kind: kind, data: data)) }
  }

  /// Sends what can be sent at once, closes everything and ends the thread.
  public func stop() { mailbox.post(.stop) }
}
