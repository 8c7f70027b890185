import ArgumentParser
import Base
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
    let files: ListenerFiles
    do {
      configuration = try option.file.load()
      files = try ListenerFiles(configuration)
      tls = try TLSContexts(configuration, former: nil, commons: TLSCommons())
    } catch { throw fail(ExitStatus.configuration, "\(error)") }
    let descriptors = Machine.raiseDescriptorLimit()
    let workers = configuration.workers.count
    print(ConfigurationSummary(configuration, workers: workers, descriptors: descriptors))
    for warning in ConfigurationAdvice(configuration, workers: workers, descriptors: descriptors).warnings {
      print(warning)
    }
    for warning in KernelAdvice.warnings(configuration) + files.warnings { print(warning) }
    var expiry = CertificateExpiry()
    Supervisor.say(tls.warnings(configuration, &expiry), most: 1000) { print($0) }
    try resolve(configuration)
  }

  /// What the backends' host names stand for. One that cannot be resolved is no mistake of the file.
  private func resolve(_ configuration: Configuration) throws {
    var names = NameBook()
    names.add(configuration.hostNames)
    try Resolver().answer(&names, interruption: nil)
    for name in names.names {
      if let addresses = names.addresses(of: name) { print("\"\(name)\" is \(addresses)") }
    }
    for pool in configuration.pools {
      for backend in pool.resolved(by: names) {
        guard case .nowhere(let cause) = backend.place else { continue }
        let place = configuration.places.description(of: "pools.\(pool.name).backends")
        print("\(place): \(cause): \(backend.name) is down until that succeeds")
      }
    }
  }
}
