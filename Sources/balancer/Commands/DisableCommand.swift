import ArgumentParser
import Console

struct DisableCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disable",
    abstract: "Take a backend out of service: no new sessions and no checks.",
    discussion: """
      \(adminHelp)

      What becomes of its open sessions is the pool's "onRemove". It stays disabled over reloads until `balancer enable`, or \
      until the program ends.

      Exit status: 0, 64 when there is no such backend, 69 when nothing answers, 75 when --wait ended with sessions still \
      open, 77 without the right token.

      Examples:
        balancer disable web/a
        balancer disable web/a --wait 60s
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
      let backend = try target.change("disable", by: access)
      if let wait {
        return try Waiting(target: target, access: access, limit: wait.duration).untilIdle("disabled")
      }
      Output().write(
        "\(target.text) is disabled: no new sessions, no checks; \(Figures.count(backend.sessions, "session")) open")
    }
  }
}
