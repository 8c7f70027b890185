import ArgumentParser

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Serve until SIGTERM or SIGINT.",
    discussion: """
      Examples:
        balancer run --config /etc/balancer/balancer.json
        kill -HUP PID     reload the file: only what changed is touched
        kill -TERM PID    stop accepting, let sessions finish (shutdown.drain), exit 0
        kill -USR1 PID    reopen the log file
      """)

  @OptionGroup var option: ConfigurationOption

  @Option(
    help: ArgumentHelp(
      "Write the secrets of all TLS sessions to this file, for Wireshark: whoever has it can read them.",
      valueName: "file"), completion: .file())
  var tlsKeyLog: String?

  func run() throws {
    let status = try Supervisor.run(option.file, keyLog: tlsKeyLog)
    if status != 0 { throw ExitCode(status) }
  }
}
