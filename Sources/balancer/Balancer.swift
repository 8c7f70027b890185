import ArgumentParser

/// The command line.
@main
struct Balancer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "balancer",
    abstract: "A load balancer and reverse proxy that runs from one JSON file.",
    discussion: """
      Examples:
        balancer run --config balancer.json     serve until SIGTERM; SIGHUP reloads
        balancer check --config balancer.json   what would run, or every mistake
        balancer schema > balancer.schema.json  the file's JSON Schema, for editors
        balancer simulate                       compare schedulers, predict shares
        balancer demo                           three backends and the balancer
        balancer status                         what it does now; top shows it live
        balancer drain web/a --wait 60s         no new sessions, wait for the last
        balancer reload                         read the file again, say what came

      Signals: SIGHUP reloads, SIGTERM and SIGINT drain and stop (twice: at once), SIGUSR1 reopens the log file.

      Exit status: 0, 64 for a wrong command line, 69 when an address cannot be had or nothing answers, 75 when what was \
      waited for has not come, 77 without the right token, 78 for a wrong file.
      """,
    version: version,
    subcommands: [
      RunCommand.self, CheckCommand.self, StatusCommand.self, TopCommand.self, SessionsCommand.self, EventsCommand.self,
      DrainCommand.self, EnableCommand.self, DisableCommand.self, WeightCommand.self, ReloadCommand.self,
      SchemaCommand.self, SimulateCommand.self, MicroCommand.self, DemoCommand.self, DemoBackendCommand.self,
      CompletionsCommand.self,
    ])

  static let version = "0.1.0"
}

/// The option that every command which reads the file has.
struct ConfigurationOption: ParsableArguments {
  @Option(
    name: .shortAndLong, help: ArgumentHelp("The configuration file.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var config = "balancer.json"

  var file: ConfigurationFile { ConfigurationFile(path: config) }
}
