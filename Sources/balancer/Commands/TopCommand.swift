import ArgumentParser
import Base
import Console
import Glibc
import Reactor

struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "Watch the running balancer live: health, sessions, rates and times, and drain by a key.",
    discussion: """
      \(adminHelp)

      Keys: arrows choose a row, s sorts by the next column, r the other way round, / filters, Tab goes from backends to pools \
      and listeners, d drains, x disables and e enables the chosen backend after a question, ? shows all keys, q quits. \
      Where the output is no terminal, or one that cannot move its cursor (TERM=dumb), the list is printed again and again.

      Exit status: 0, 69 when nothing answers at the start, 77 without the right token, 128 and its number after a signal.

      Examples:
        balancer top
        balancer top --interval 250ms
        balancer top --count 1 > now.txt
      """)

  @Option(
    help: ArgumentHelp("How often it asks: 250ms to 10s.", valueName: "duration"), transform: DurationArgument.parse)
  var interval = DurationArgument(.seconds(1))

  @Option(help: ArgumentHelp("End after so many pictures; they are printed one after the other.", valueName: "number"))
  var count: Int?

  @OptionGroup var options: AdminOptions

  func validate() throws {
    guard (250...10_000).contains(interval.duration.milliseconds) else {
      throw ValidationError("--interval: 250ms to 10s expected, found \(interval.duration.written)")
    }
    if let count, count < 1 { throw ValidationError("--count: at least 1 expected, found \(count)") }
  }

  func run() throws {
    let status = try report { () throws(AdminAccess.Failure) -> Int32 in
      let access = try AdminAccess(options)
      var model = TopModel()
      model.setInterval(Int(interval.duration.milliseconds))
      // What is wrong from the start is said before the screen is taken.
      model.take(try access.status())
      let isLive = count == nil && Terminal.isTerminal(0) && Terminal.isTerminal(1)
      guard isLive, let terminal = Output.environment("TERM"), !terminal.isEmpty, terminal != "dumb" else {
        try printed(&model, access)
        return 0
      }
      do throws(SystemError) {
        var session = try TopSession(model, access)
        return session.run()
      } catch {
        throw AdminAccess.Failure(ExitStatus.system, "the terminal cannot be used: \(error) in \(error.operation)")
      }
    }
    if status != 0 { throw ExitCode(status) }
  }

  /// One picture after the other, as long as they are.
  private func printed(_ model: inout TopModel, _ access: AdminAccess) throws(AdminAccess.Failure) {
    let output = Output()
    var left = count ?? .max
    while true {
      output.write(TopScreen.printed(model, columns: output.width ?? 120, address: access.address))
      fflush(nil)
      left -= 1
      if left == 0 { return }
      usleep(UInt32(interval.duration.milliseconds) * 1000)
      print("")
      model.take(try access.status())
    }
  }
}
