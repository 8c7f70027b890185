import ArgumentParser
import Console

struct WeightCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weight",
    abstract: "Give a backend another weight than the file's, or that one again.",
    discussion: """
      \(adminHelp)

      It keeps the weight over reloads until `reset`, or until the program ends. 0 means no new sessions.

      Exit status: 0, 64 when there is no such backend or weight, 69 when nothing answers, 77 without the right token.

      Examples:
        balancer weight web/a 3
        balancer weight web/a reset
      """)

  private static let range = 0...256

  @Argument(help: ArgumentHelp("The backend.", valueName: "pool/backend"), completion: .custom(Completions.backends))
  var target: String

  @Argument(
    help: ArgumentHelp("0…256, or reset for the file's.", valueName: "weight"),
    completion: .list(["reset", "0", "1", "2", "5", "10", "100"]))
  var weight: String

  @OptionGroup var options: AdminOptions

  func validate() throws {
    if weight == "reset" { return }
    guard let number = Int(weight), Self.range.contains(number) else {
      throw ValidationError("0…256 or reset expected, found '\(weight)'")
    }
  }

  func run() throws {
    try report { () throws(AdminAccess.Failure) in
      let access = try AdminAccess(options)
      let target = try BackendTarget.find(target, access)
      let output = Output()
      if weight == "reset" {
        let backend = try target.change("weight", .delete, by: access)
        return output.write("\(target.text) has the file's weight again: \(backend.weight)")
      }
      let backend = try target.change("weight", .put, body: "{\"weight\":\(Int(weight) ?? 0)}", by: access)
      output.write("\(target.text) has the weight \(backend.weight); in the file it is \(backend.configuredWeight)")
    }
  }
}
