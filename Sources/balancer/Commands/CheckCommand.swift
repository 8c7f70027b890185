import ArgumentParser
import Configuration
import Glibc
import Reactor
import TLS

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Say what a configuration file would run, or every mistake in it.",
    discussion: """
      Exit status: 0 when the file is good (warnings do not count), 78 when it is not.

      Examples:
        balancer check --config balancer.json
        balancer check --config new.json && mv new.json balancer.json && kill -HUP PID
      """)

  @OptionGroup var option: ConfigurationOption

  func run() throws {
    let configuration: Configuration
    let tls: TLSContexts
    do {
      configuration = try option.file.load()
      tls = try TLSContexts(configuration, former: nil, commons: TLSCommons())
    } catch { throw fail(ExitStatus.configuration, "\(error)") }
    let descriptors = Machine.raiseDescriptorLimit()
    let workers = configuration.workers.count
    print(ConfigurationSummary(configuration, workers: workers, descriptors: descriptors))
    for warning in ConfigurationAdvice(configuration, workers: workers, descriptors: descriptors).warnings {
      print(warning)
    }
    for warning in KernelAdvice.warnings(configuration) { print(warning) }
    var expiry = CertificateExpiry()
    Supervisor.say(tls.warnings(configuration, &expiry), most: 1000) { print($0) }
  }
}
