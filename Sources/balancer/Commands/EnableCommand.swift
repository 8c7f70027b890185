import ArgumentParser
import Console

struct EnableCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enable",
    abstract: "Take back what drain and disable did.",
    discussion: """
      \(adminHelp)

      The backend serves again as soon as its checks say that it can.

      Exit status: 0, 64 when there is no such backend, 69 when nothing answers, 75 when --wait ended before it was up, 77 \
      without the right token.

      Examples:
        balancer enable web/a
        balancer enable web/a --wait 30s
      """)

  @Argument(help: ArgumentHelp("The backend.", valueName: "pool/backend"), completion: .custom(Completions.backends))
  var target: String

  @Option(
    help: ArgumentHelp("Return when it is up, or after this time, such as 60s.", valueName: "duration"),
    transform: DurationArgument.parse)
  var wait: DurationArgument?

  @OptionGroup var options: AdminOptions

  func run() throws {
    try report { () throws(AdminAccess.Failure) in
      let access = try AdminAccess(options)
      let target = try BackendTarget.find(target, access)
      let backend = try target.change("enable", by: access)
      if let wait { return try Waiting(target: target, access: access, limit: wait.duration).untilUp() }
      Output().write("\(target.text) is enabled, and \(backend.state)" + (backend.why.map { ": \($0)" } ?? ""))
    }
  }
}
