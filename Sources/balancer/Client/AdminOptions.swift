import ArgumentParser

/// What every command has that asks the running program.
struct AdminOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The configuration file, which says where the admin server is; default: balancer.json.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Ask this address instead, such as 127.0.0.1:9900 or unix:/run/balancer.sock.", valueName: "address"))
  var admin: String?
}

/// For the help of these commands.
let adminHelp = """
  The address of the running balancer and its token are read from "admin" in the configuration file; --admin gives another \
  address, and the environment's BALANCER_TOKEN another token.
  """
