import AdminClient
import Base
import Console
import HTTPCore
import Reactor

/// The thread of `top` that asks and waits, so that no key does.
final class TopFeed: Sendable {
  enum Job: Sendable {
    case refresh
    /// In milliseconds.
    case interval(Int)
    case act(TopModel.Action, String)
  }

  enum News: Sendable {
    case status(Status)
    case lost(String)
    case done(String)
    case refused(String)
  }

  private let access: AdminAccess
  private let jobs: Mailbox<Job>
  let news: Mailbox<News>

  init(_ access: AdminAccess) throws(SystemError) {
    self.access = access
    jobs = try Mailbox()
    news = try Mailbox()
  }

  /// It ends with the process.
  func start(interval: Int) throws(SystemError) {
    try Thread(name: "feed") { [self] in work(interval) }.detach()
  }

  func post(_ job: Job) { jobs.post(job) }

  private func work(_ interval: Int) {
    var interval = interval
    var due = Clock.now + .milliseconds(interval)
    while true {
      if jobs.wait(milliseconds: Poller.timeout(until: due, now: Clock.now)) {
        for job in jobs.take() {
          switch job {
          case .refresh: break
          case .interval(let milliseconds): interval = milliseconds
          case .act(let action, let name): act(action, name)
          }
        }
      }
      look()
      due = Clock.now + .milliseconds(interval)
    }
  }

  private func look() {
    do throws(AdminAccess.Failure) {
      news.post(.status(try access.status()))
    } catch {
      news.post(.lost(Self.cause(error)))
    }
  }

  private func act(_ action: TopModel.Action, _ name: String) {
    do throws(AdminAccess.Failure) {
      let target = try BackendTarget.find(name, access)
      let backend = try target.change(action.rawValue, by: access)
      news.post(.done("\(name) is \(backend.state)"))
    } catch {
      news.post(.refused(error.message.split(separator: "\n").first.map(String.init) ?? ""))
    }
  }

  /// The cause alone: the screen says whose it is.
  private static func cause(_ failure: AdminAccess.Failure) -> String {
    let line = failure.message.split(separator: "\n").first.map(String.init) ?? ""
    guard let mark = line.firstRange(of: "does not answer: ") else { return line }
    return String(line[mark.upperBound...])
  }
}
