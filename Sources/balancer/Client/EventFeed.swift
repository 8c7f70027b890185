import AdminClient
import Base
import Console
import Glibc
import HTTPCore
import Reactor

/// The events of the running program, one connection after the other.
struct EventFeed {
  /// Between two attempts to connect again.
  private static let pause: UInt32 = 1_000_000

  private let access: AdminAccess
  private let follows: Bool
  /// The last one that was seen.
  private var last = "0"
  /// The process that it is of: another one counts anew.
  private var process: String?
  private var isSilenceTold = false

  init(_ access: AdminAccess, follows: Bool) {
    self.access = access
    self.follows = follows
  }

  /// Hands over each event: those that are remembered, and with `follows` all that come.
  mutating func run(_ handle: (EventStream.Event, Reply) -> Void) throws(AdminAccess.Failure) {
    try look(handle)
    while follows {
      usleep(Self.pause)
      do throws(AdminAccess.Failure) { try look(handle) } catch {
        // It may be starting again. What will not change by waiting is told.
        guard error.status == ExitStatus.unavailable else { throw error }
        if !isSilenceTold { complain("\(access.address) does not answer; trying again until it does") }
        isSilenceTold = true
      }
    }
  }

  private mutating func look(_ handle: (EventStream.Event, Reply) -> Void) throws(AdminAccess.Failure) {
    let started = try access.status().startedAt
    isSilenceTold = false
    if process != started { last = "0" }
    process = started
    var last = last
    defer { self.last = last }
    let follows = follows
    let answer: Answer?
    do {
      answer = try access.client.follow(Question(.get, "/v1/events?after=\(last)")) { item in
        switch item {
        case .event(let event):
          last = Question.segment(event.id)
          // A line that is no JSON is nothing that this program has written.
          if let data = try? Reply(Array(event.data.utf8)) { handle(event, data) }
          return true
        // The first one says that all that is remembered has come.
        case .comment: return follows
        }
      }
    } catch {
      // A stream that breaks is taken up again.
      if follows, case .cut = error { return }
      if follows, case .silent = error { return }
      throw access.failure(error)
    }
    if let answer { throw access.refusal(answer) }
  }
}
