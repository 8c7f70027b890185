import Base
import Reactor
import Synchronization

/// Looks up host names on threads of its own, since the system's resolver blocks. Nobody waits for it but the start, and
/// that not for long.
///
/// The threads come with the work and go with it: a program without host names has none.
final class Resolver: Sendable {
  /// Look-ups at once: a name server that is dead for some names holds up the others little, and a look-up has a
  /// descriptor or two.
  private static let mostThreads = 8
  /// How long the start and `balancer check` wait for the first answers.
  static let patience: Duration = .seconds(5)

  private struct State {
    /// From the first to ask to the last.
    var waiting: [String] = []
    var threads = 0
  }

  private let state = Mutex(State())
  private let answers: Mailbox<(name: String, answer: NameBook.Answer)>

  init() throws(SystemError) { answers = try Mailbox() }

  /// Readable while answers wait to be taken.
  var descriptor: Int32 { answers.descriptor }

  /// Looks up each of these once.
  func look(up names: [String]) {
    let threads = state.withLock { state in
      state.waiting += names
      let more = min(state.waiting.count, Self.mostThreads - state.threads)
      state.threads += more
      return more
    }
    for _ in 0..<threads {
      do throws(SystemError) {
        try Thread(name: "resolver") { [self] in work() }.detach()
      } catch {
        refuse(error)
      }
    }
  }

  /// All answers that have come.
  func take() -> [(name: String, answer: NameBook.Answer)] { answers.take() }

  private func work() {
    while let name = next() { answers.post((name, HostLookup.answer(to: name))) }
  }

  private func next() -> String? {
    state.withLock { state in
      if state.waiting.isEmpty {
        state.threads -= 1
        return nil
      }
      return state.waiting.removeFirst()
    }
  }

  /// A thread could not be had. Where it was the only one, what waits for it has failed.
  private func refuse(_ error: SystemError) {
    let names = state.withLock { state in
      state.threads -= 1
      defer { if state.threads == 0 { state.waiting = [] } }
      return state.threads == 0 ? state.waiting : []
    }
    for name in names {
      answers.post((name, .failed("\"\(name)\" cannot be resolved: no thread for the look-up: \(error)")))
    }
  }

  // MARK: The first answers

  /// Looks up what is due and takes the answers, until all are there, `patience` is over or `interruption` is readable.
  func answer(_ names: inout NameBook, interruption: Int32?) throws(SystemError) {
    let due = names.takeDue(now: Clock.now)
    if due.isEmpty { return }
    let poller = try Poller(capacity: 2)
    try poller.add(descriptor, .readable, token: 0)
    if let interruption { try poller.add(interruption, .readable, token: 1) }
    look(up: due)
    let end = Clock.now + Self.patience
    while !due.allSatisfy({ names.isAnswered($0) }) {
      let count = poller.wait(timeout: Poller.timeout(until: end, now: Clock.now))
      for (name, answer) in take() {
        _ = names.take(answer, of: name, now: Clock.now, random: .random(in: 0...UInt64.max))
      }
      if (0..<count).contains(where: { poller.event(at: $0).token == 1 }) || Clock.now >= end { return }
    }
  }
}
