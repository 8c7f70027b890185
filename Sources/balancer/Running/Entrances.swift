import Base
import Configuration
import Glibc
import Logging
import Reactor
import TCPProxy

/// The addresses that the program listens on. Their sockets belong to the process, not to a configuration: they stay
/// open over a reload for as long as some listener has the address.
struct Entrances {
  struct Entrance {
    let key: Int
    let address: SocketAddress
    var sockets: [SharedDescriptor]
    let isInherited: Bool
    /// It was passed under the name of its listener, whatever it is bound to.
    let isByName: Bool
    /// The listener that it was opened for.
    let listener: String
  }

  private(set) var entrances: [Entrance] = []
  private var inherited: InheritedSockets
  private var nextKey = 0
  /// Addresses that an earlier reload has given up.
  private var left: Set<SocketAddress> = []
  private let workers: Int

  init(inherited: InheritedSockets, workers: Int) {
    self.inherited = inherited
    self.workers = workers
  }

  /// Why a listener cannot be opened.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Opens what the listeners need and this does not have yet.
  /// - Returns: the new entrances, which `adopt` takes over once everything else has worked as well. Letting go of
  ///   them closes them again.
  func open(_ listeners: [RunningListener]) throws(Failure) -> [Entrance] {
    var opened: [Entrance] = []
    var key = nextKey
    var inherited = inherited
    for listener in listeners {
      let name = listener.configuration.name
      // Sockets that were passed under the listener's name take the place of all that it would bind.
      let named = inherited.take(name: name)
      if named.isEmpty, entrances.contains(where: { $0.isByName && $0.listener == name }) { continue }
      for address in listener.addresses + named.compactMap(\.address) {
        if entrances.contains(where: { $0.address == address }) || opened.contains(where: { $0.address == address }) {
          continue
        }
        let sockets: [SharedDescriptor]
        let passed = named.filter { $0.address == address }.map(\.socket) + inherited.take(address: address)
        if passed.isEmpty, !named.isEmpty { continue }
        if passed.isEmpty {
          do throws(ListeningSocket.Failure) {
            sockets = try openPatiently(
              ListeningSocket.hasIPv6 ? address : address.withoutIPv6, count: workers,
              backlog: listener.configuration.backlog, multipath: listener.configuration.mptcp)
          } catch {
            throw Failure(description: "listener \(name): \(error)")
          }
        } else {
          sockets = passed
        }
        opened.append(
          Entrance(
            key: key, address: address, sockets: sockets, isInherited: !passed.isEmpty,
            isByName: !named.isEmpty, listener: name))
        key += 1
      }
    }
    return opened
  }

  /// Opens sockets; where the workers are just closing their last ones on the same address, when they have done so.
  private func openPatiently(
    _ address: SocketAddress, count: Int, backlog: Int, multipath: Bool
  ) throws(ListeningSocket.Failure) -> [SharedDescriptor] {
    let end = Clock.now + Self.patience
    while true {
      do throws(ListeningSocket.Failure) {
        return try ListeningSocket.open(address, count: count, backlog: backlog, multipath: multipath)
      } catch {
        guard error.error.number == EADDRINUSE, left.contains(address), Clock.now < end else { throw error }
        usleep(2000)
      }
    }
  }

  /// Workers close a listener as soon as they have accepted who waits there.
  private static let patience: Duration = .seconds(1)

  mutating func adopt(_ opened: [Entrance]) {
    entrances += opened
    nextKey = (entrances.map(\.key).max() ?? -1) + 1
    for entrance in opened where entrance.isInherited {
      _ = inherited.take(name: entrance.listener)
      _ = inherited.take(address: entrance.address)
    }
  }

  /// The listener that an entrance serves; nil when none of these wants it.
  static func owner(of entrance: Entrance, among listeners: [RunningListener]) -> RunningListener? {
    listeners.first { listener in
      entrance.isByName
        ? listener.configuration.name == entrance.listener : listener.addresses.contains(entrance.address)
    }
  }

  /// Forgets an entrance; its sockets are closed when the last worker lets go of them.
  mutating func remove(_ key: Int) {
    for entrance in entrances where entrance.key == key { left.insert(entrance.address) }
    entrances.removeAll { $0.key == key }
  }

  /// Leaves the sockets to the workers, which close them when nobody waits there any more.
  mutating func letGo() {
    for index in entrances.indices { entrances[index].sockets = [] }
    inherited = .none
  }

  /// The files of unix sockets that this process has made.
  func removeFiles() {
    for entrance in entrances where !entrance.isInherited { ListeningSocket.removeFile(of: entrance.address) }
  }

  /// Inherited sockets that no listener wants.
  var unused: [InheritedSockets.Entry] { inherited.entries }
}

extension SocketAddress {
  /// `:8080` on a machine that has no IPv6.
  var withoutIPv6: SocketAddress {
    if case .ip(.anyIPv6, let port) = self { return .ip(.anyIPv4, port: port) }
    return self
  }
}
