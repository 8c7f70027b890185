import ArgumentParser
import Console

struct DrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Give a backend no new sessions; the open ones stay.",
    discussion: """
      \(adminHelp)

      It stays drained over reloads until `balancer enable`, or until the program ends. Its checks go on.

      Exit status: 0, 64 when there is no such backend, 69 when nothing answers, 75 when --wait ended with sessions still \
      open, 77 without the right token.

      Examples:
        balancer drain web/10.0.0.7:8080
        balancer drain web/a --wait 60s && ssh a systemctl restart app &&
          balancer enable web/a --wait 30s
      """)

  @Argument(help: ArgumentHelp("The backend.", valueName: "pool/backend"), completion: .custom(Completions.backends))
  var target: String

  @Option(
    help: ArgumentHelp("Return when no session is open on it, or after this time, such as 60s.", valueName: "duration"),
    transform: DurationArgument.parse)
  var wait: DurationArgument?

  @OptionGroup var options: AdminOptions

  func run() throws {
    try report { () throws(AdminAccess.Failure) in
      let access = try AdminAccess(options)
      let target = try BackendTarget.find(target, access)
      let backend = try target.change("drain", by: access)
      if let wait {
        return try Waiting(target: target, access: access, limit: wait.duration).untilIdle("drained")
      }
      Output().write("\(target.text) is drained: no new sessions; \(Figures.count(backend.sessions, "session")) open")
    }
  }
}
