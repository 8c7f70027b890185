import AdminClient
import ArgumentParser
import Console

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show what the running balancer does: problems, listeners, pools, backends.",
    discussion: """
      \(adminHelp)

      Rates are of the last ten seconds; CONN50 and CONN99 are the times within which half and 99% of the connects of the \
      last minute succeeded. A weight with a star is not the file's.

      Exit status: 0 whatever the state is, 69 when nothing answers, 77 without the right token, 78 for a wrong file.

      Examples:
        balancer status
        balancer status --config /etc/balancer/balancer.json
        balancer status --json | jq '.pools[] | select(.state != "up")'
      """)

  @OptionGroup var options: AdminOptions

  @Flag(help: "Print what the admin API answers (docs/admin-api.md).")
  var json = false

  func run() throws {
    try report { () throws(AdminAccess.Failure) in
      let access = try AdminAccess(options)
      let reply = try access.ask(Question(.get, "/v1/status"))
      if json { return print(reply.json) }
      let output = Output()
      output.write(StatusText.lines(try access.status(reply), width: output.width))
    }
  }
}
