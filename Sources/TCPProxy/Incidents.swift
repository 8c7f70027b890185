import Synchronization

/// Things that go wrong for single sessions and may do so a hundred thousand times a second. They are counted here;
/// the control thread turns them into one line the first time and one a second, with a count, from then on.
public final class Incidents: Sendable {
  public enum Kind: Hashable, Sendable, CaseIterable {
    /// A client was closed, or answered with 503, because its pool had no eligible backend.
    case noBackend
    /// A client was closed, or answered with 502, because every connect that its retries allowed has failed.
    case connectsFailed
    /// A client was closed, or answered with 502, because its connect failed while as many retries were under way as
    /// `retryBudget` allows.
    case retryRefused
    /// Descriptors or memory ran out: accepting stopped, or a check (`Incidents.checks`) could not be made.
    case exhausted
    /// A listener, or the program, is at its limit of connections.
    case atLimit
    /// A client was turned away by `allow`, `deny` or `perClient`.
    case refused
    /// A client's PROXY header or ClientHello was malformed or did not come.
    case badGreeting
    /// A client's TLS handshake failed, or did not come to its end in time; the subject is the listener.
    case handshakeFailed
    /// A session was reset because one side broke TLS, or sent a fatal alert, after its handshake; the subject is the
    /// listener where it was the client, the pool where it was the backend.
    case tlsBroken
    /// A client did not read its response in time.
    case unread
    /// A request broke the rules of HTTP, or did not come in time.
    case badRequest
    /// A backend's response broke the rules of HTTP, stopped in the middle, or did not come in time.
    case badResponse
    /// The copy of a request was not sent, or not answered; the subject is the pool that was to get it.
    case mirrorDropped
    /// A client was closed because no route takes it.
    case noRoute
    /// A client of the admin server was turned away, or could not be let in.
    case adminRefused
    /// A socket could not be set up.
    case failed
  }

  /// What happened to `subject` (a pool or a listener), how often since it was last taken, and the last cause.
  public struct Entry: Equatable, Sendable {
    public let kind: Kind
    public let subject: String
    public var count: Int
    public var cause: String
  }

  /// The subject of `exhausted` where a check was skipped.
  public static let checks = "checks"

  private struct State {
    /// Since they were last taken.
    var entries: [Entry] = []
    var totals: [Event: Int] = [:]
  }

  /// A kind of thing that happens to a subject.
  public struct Event: Hashable, Sendable {
    public let kind: Kind
    public let subject: String

    public init(_ kind: Kind, _ subject: String) {
      self.kind = kind
      self.subject = subject
    }
  }

  private let state = Mutex(State())
  private let onFirst: @Sendable () -> Void

  /// - Parameter onFirst: called, on the thread that saw it, when something is counted while nothing was.
  public init(onFirst: @escaping @Sendable () -> Void) { self.onFirst = onFirst }

  /// Counts one more. There are never more entries than kinds times listeners and pools, so the list stays short.
  public func add(_ kind: Kind, _ subject: String, cause: @autoclosure () -> String) {
    let first = state.withLock { state in
      state.totals[Event(kind, subject), default: 0] += 1
      if let index = state.entries.firstIndex(where: { $0.kind == kind && $0.subject == subject }) {
        state.entries[index].count += 1
        // The text is made a few times, not for each of a hundred thousand.
        if state.entries[index].count & (state.entries[index].count - 1) == 0 { state.entries[index].cause = cause() }
        return false
      }
      state.entries.append(Entry(kind: kind, subject: subject, count: 1, cause: cause()))
      return state.entries.count == 1
    }
    if first { onFirst() }
  }

  /// Everything counted since the start.
  public var totals: [Event: Int] { state.withLock { $0.totals } }

  /// Forgets the totals of listeners and pools that are no more.
  public func keepTotals(where isKept: (_ subject: String) -> Bool) {
    state.withLock { state in state.totals = state.totals.filter { isKept($0.key.subject) } }
  }

  /// Everything counted since the last call, in the order in which it first happened.
  public func take() -> [Entry] {
    state.withLock { state in
      let taken = state.entries
      state.entries = []
      return taken
    }
  }
}
