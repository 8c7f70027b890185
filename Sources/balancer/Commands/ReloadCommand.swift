import AdminClient
import ArgumentParser
import Console

struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Have the running balancer read its file again, and say what came of it.",
    discussion: """
      \(adminHelp)

      It reads the file that it was started with, as after SIGHUP, and answers when the new one is in force or refused.

      Exit status: 0 when it is in force or nothing has changed, 78 when it was refused and the old one stays, 69 when nothing \
      answers or the program is ending, 77 without the right token.

      Examples:
        balancer reload
        balancer check && balancer reload
      """)

  /// Reading certificates and looking up names take time.
  private static let limit: Duration = .seconds(60)

  @OptionGroup var options: AdminOptions

  @Flag(help: "Print what the admin API answers (docs/admin-api.md).")
  var json = false

  func run() throws {
    try report { () throws(AdminAccess.Failure) in
      let access = try AdminAccess(options)
      let answer = try access.askWhatever(Question(.post, "/v1/reload"), within: Self.limit)
      guard answer.isSuccess || answer.status == 422 else { throw access.refusal(answer) }
      let reply = try access.read(answer)
      let report = ReloadReport(reply)
      if json { print(reply.json) }
      if report.isRefused {
        throw AdminAccess.Failure(
          ExitStatus.configuration, report.text + (json ? "" : "\n" + report.errors.joined(separator: "\n")))
      }
      if !json { Output().writeNow(report.lines) }
      for warning in report.warnings { complain(warning) }
    }
  }
}
