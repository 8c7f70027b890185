import Admin
import Base
import Configuration
import Glibc
import Reactor

/// The admin server at work: its addresses, and a thread from the first time that it has any.
struct RunningAdmin {
  let server: AdminServer
  private var thread: Reactor.Thread?
  private var entrances: [AdminSettings.Entrance] = []
  /// What it goes by; nil is nothing yet.
  private var former: Wanted?

  init(_ server: AdminServer) { self.server = server }

  /// What a configuration wants, with its files read.
  fileprivate struct Wanted: Equatable {
    let configuration: AdminConfiguration?
    let token: [UInt8]?
  }

  /// Made ready: sockets are open, and nothing has changed yet.
  struct Plan {
    fileprivate let wanted: Wanted
    fileprivate var entrances: [AdminSettings.Entrance] = []
    /// Why there is no server although nobody has switched it off.
    fileprivate(set) var warning: String?
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Opens what a configuration wants and what is not open yet. The address that goes without saying may be another
  /// program's: then there is no server, and a word about it.
  func prepare(_ configuration: Configuration, _ files: ListenerFiles) throws(Failure) -> Plan {
    var plan = Plan(wanted: Wanted(configuration: configuration.admin, token: files.adminToken))
    guard let admin = configuration.admin else { return plan }
    do throws(Failure) {
      plan.entrances = try open(admin, hasToken: files.adminToken != nil)
    } catch {
      if configuration.places.hasPlace("admin") { throw error }
      plan.warning =
        """
        \(error); there is no admin server: give it another address with "admin": { "listen": "127.0.0.1:9901" } in the \
        configuration file, or say "admin": "off"
        """
    }
    return plan
  }

  private func open(
    _ admin: AdminConfiguration, hasToken: Bool
  ) throws(Failure) -> [AdminSettings.Entrance] {
    let addresses: [SocketAddress]
    do throws(HostLookup.Failure) { addresses = try HostLookup.addresses(of: admin.listen) } catch {
      throw Failure(description: "admin: \(error)")
    }
    return try addresses.map { address throws(Failure) in
      if let open = entrances.first(where: { $0.address == address }) { return open }
      if case .ip(let ip, _) = address, !ip.isLoopback, !hasToken {
        throw Failure(
          description: "admin: \(admin.listen) is \(ip), which other machines can reach: it needs a token")
      }
      do throws(ListeningSocket.Failure) {
        let sockets = try ListeningSocket.open(
          ListeningSocket.hasIPv6 ? address : address.withoutIPv6, count: 1, backlog: 128, isPrivate: true)
        return AdminSettings.Entrance(address: address, socket: sockets[0])
      } catch {
        throw Failure(description: "admin: \(error)")
      }
    }
  }

  /// Whether a plan would change anything.
  func differs(from plan: Plan) -> Bool {
    plan.wanted != former || plan.entrances.map(\.address) != entrances.map(\.address)
  }

  /// Goes by a plan from now on: what is new is open before what is old is closed.
  /// - Returns: where it can be reached now that it could not be before.
  mutating func adopt(_ plan: Plan) throws(SystemError) -> [SocketAddress] {
    guard differs(from: plan) else { return [] }
    if thread == nil, !plan.entrances.isEmpty { thread = try server.start() }
    let opened = plan.entrances.map(\.address).filter { address in !entrances.contains { $0.address == address } }
    var settings = AdminSettings()
    settings.entrances = plan.entrances
    settings.token = plan.wanted.token.flatMap(AccessToken.init)
    settings.allow = plan.wanted.configuration?.allow.map { PrefixSet($0) }
    settings.hasDashboard = plan.wanted.configuration?.dashboard ?? false
    settings.machine = Machine.name
    server.configure(settings)
    for entrance in entrances where !plan.entrances.contains(where: { $0.address == entrance.address }) {
      ListeningSocket.removeFile(of: entrance.address)
    }
    entrances = plan.entrances
    former = plan.wanted
    return opened
  }

  /// Ends the thread, and waits for it.
  func finish() {
    server.stop()
    thread?.join()
    for entrance in entrances { ListeningSocket.removeFile(of: entrance.address) }
  }
}
