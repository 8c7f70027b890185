import AdminClient
import ArgumentParser
import Console
import Glibc

struct EventsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events",
    abstract: "Show the last changes of health, reloads and drains, or follow them.",
    discussion: """
      \(adminHelp)

      The program remembers its last 256 events. With --follow the new ones come as they happen, until Ctrl-C; when the \
      connection ends it is made again.

      Exit status: 0, 69 when nothing answers, 77 without the right token.

      Examples:
        balancer events
        balancer events --follow
        balancer events --follow --json | jq -r .data.message
      """)

  @Flag(name: .shortAndLong, help: "Go on with what happens from now on.")
  var follow = false

  @Flag(help: "Print an object a line: id, event, data.")
  var json = false

  @OptionGroup var options: AdminOptions

  func run() throws {
    let output = Output()
    try report { () throws(AdminAccess.Failure) in
      var feed = EventFeed(try AdminAccess(options), follows: follow)
      try feed.run { event, data in
        output.writeNow(
          json
            ? [StyledText(data.event(id: event.id, name: event.name))] : EventText.lines(name: event.name, data))
      }
    }
  }
}
