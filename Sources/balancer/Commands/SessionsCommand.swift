import AdminClient
import ArgumentParser
import Console

struct SessionsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sessions",
    abstract: "List the sessions that are open now, the oldest first.",
    discussion: """
      \(adminHelp)

      Exit status: 0, 69 when nothing answers, 77 without the right token.

      Examples:
        balancer sessions
        balancer sessions --backend web/a --limit 20
        balancer sessions --client 10.0.0.7 --json
        balancer sessions --after 1-42-7      the page behind the one that said so
      """)

  /// Of the API.
  private static let page = 1000

  @Option(help: ArgumentHelp("Only of this listener.", valueName: "name"), completion: .custom(Completions.listeners))
  var listener: String?

  @Option(help: ArgumentHelp("Only to this pool.", valueName: "name"), completion: .custom(Completions.pools))
  var pool: String?

  @Option(
    help: ArgumentHelp("Only on this backend: its name, or POOL/BACKEND.", valueName: "name"),
    completion: .custom(Completions.backends))
  var backend: String?

  @Option(help: ArgumentHelp("Only of the client with this address.", valueName: "address"))
  var client: String?

  @Option(help: ArgumentHelp("At most so many; 0: all.", valueName: "number"))
  var limit = 100

  @Option(help: ArgumentHelp("Those behind the page that named this.", valueName: "id"))
  var after: String?

  @Flag(help: "Print what the admin API answers (docs/admin-api.md).")
  var json = false

  @OptionGroup var options: AdminOptions

  func validate() throws {
    if limit < 0 { throw ValidationError("--limit: 0 or more expected, found \(limit)") }
  }

  func run() throws {
    try report { () throws(AdminAccess.Failure) in
      let access = try AdminAccess(options)
      var replies: [Reply] = []
      var next = after
      var left = limit == 0 ? Int.max : limit
      repeat {
        let page = try access.ask(Question(.get, "/v1/sessions?" + query(after: next, limit: min(left, Self.page))))
        let sessions = page["sessions"].elements
        replies += sessions
        left -= sessions.count
        next = sessions.isEmpty ? nil : page["next"].text
      } while next != nil && left > 0
      if json { return print(Reply.sessions(replies, next: next).json) }
      var sessions: [LiveSession] = []
      do throws(Reply.Fault) { for reply in replies { sessions.append(try LiveSession(reply)) } } catch {
        throw access.unreadable(error)
      }
      let output = Output()
      output.write(SessionText.lines(sessions, width: output.width))
      if let next { output.write("more: --after \(Reply.safe(next))") }
    }
  }

  private func query(after: String?, limit: Int) -> String {
    var pool = pool
    var backend = backend
    if let text = backend, let target = BackendTarget(text), pool == nil {
      (pool, backend) = (target.pool, target.backend)
    }
    let pairs = [
      ("limit", "\(limit)"), ("after", after), ("listener", listener), ("pool", pool), ("backend", backend),
      ("client", client),
    ]
    return pairs.compactMap { name, value in value.map { "\(name)=\(Question.segment($0))" } }.joined(separator: "&")
  }
}
