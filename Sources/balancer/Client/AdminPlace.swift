import Base
import Configuration
import Glibc
import HTTPCore
import Reactor

/// Where the admin server is and what it wants to be shown, as the command line, the environment and the configuration file say.
struct AdminPlace {
  let address: Endpoint
  let token: String?
  /// Where the address comes from.
  let origin: String

  private static let defaultFile = "balancer.json"

  init(_ options: AdminOptions) throws(AdminAccess.Failure) {
    let environmentToken = getenv("BALANCER_TOKEN").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    if let environmentToken { try Self.check(environmentToken, "BALANCER_TOKEN") }
    var file: AdminConfiguration?
    var origin = "\"admin\" in \(options.config ?? Self.defaultFile)"
    // A token is not sent to an address that the file does not name, unless the file is named too.
    if options.admin == nil || options.config != nil {
      do {
        file = try ConfigurationFile(path: options.config ?? Self.defaultFile).loadAdmin()
        if file == AdminConfiguration() { origin = "the default: \(options.config ?? Self.defaultFile) says no other" }
      } catch {
        // The default address is a good guess where nobody has named a file.
        guard options.config == nil, access(Self.defaultFile, F_OK) != 0 else {
          throw AdminAccess.Failure(
            ExitStatus.configuration, "\(error)\nWhere the admin server is cannot be read; --admin ADDRESS says it.")
        }
        file = AdminConfiguration()
        origin = "the default, as there is no \(Self.defaultFile) here"
      }
    }
    if let admin = options.admin {
      do { address = try Endpoint(parsing: admin) } catch {
        throw AdminAccess.Failure(ExitStatus.usage, "--admin: \"\(admin)\" \(error)")
      }
      origin = "--admin"
    } else if let listen = file?.listen {
      address = listen
    } else {
      throw AdminAccess.Failure(
        ExitStatus.unavailable,
        "\"admin\" is \"off\" in \(options.config ?? Self.defaultFile): a balancer that runs from it cannot be asked")
    }
    self.origin = origin
    if let environmentToken { token = environmentToken } else { token = try Self.token(file) }
  }

  private static func token(_ file: AdminConfiguration?) throws(AdminAccess.Failure) -> String? {
    guard let path = file?.tokenFile else { return file?.token }
    do throws(NamedFiles.Refused) { return String(decoding: try NamedFiles.token(of: path), as: UTF8.self) } catch {
      throw AdminAccess.Failure(
        ExitStatus.notPermitted,
        "\(error.messages.joined(separator: "\n"))\nIt is \"admin.tokenFile\"; BALANCER_TOKEN gives a token without it."
      )
    }
  }

  /// A token goes into a field of the request.
  static func check(_ token: String, _ what: String) throws(AdminAccess.Failure) {
    if Array(token.utf8).withUnsafeBytes(FieldText.isValue) { return }
    throw AdminAccess.Failure(ExitStatus.usage, "\(what): a control character, or a blank at an end: that is no token")
  }
}
