import Balancing
import Base
import Configuration
import TCPProxy

/// A listener at work, beside the part of the file that it came from.
struct RunningListener {
  let counters: ListenerCounters
  var configuration: ListenerConfiguration
  var service: Service
  /// What its names stand for.
  let addresses: [SocketAddress]

  init(
    _ configuration: ListenerConfiguration, pool: RunningPool, former: RunningListener?
  ) throws(Resolver.Failure) {
    self.configuration = configuration
    counters = former?.counters ?? ListenerCounters()
    var addresses: [SocketAddress] = []
    for endpoint in configuration.listen {
      for address in try Resolver.addresses(of: endpoint) where !addresses.contains(address) {
        addresses.append(address)
      }
    }
    self.addresses = addresses
    service = Self.service(configuration, pool, counters)
  }

  private static func service(
    _ listener: ListenerConfiguration, _ running: RunningPool, _ counters: ListenerCounters
  ) -> Service {
    let pool = running.configuration
    let limits = [listener.timeouts.client, pool.timeouts.server].compactMap { $0 }
    return Service(
      listener: listener.name, pool: running.pool, counters: counters, maximumSessions: listener.connections,
      retries: pool.retries, connect: pool.timeouts.connect, idle: limits.min(),
      // The first result of a check comes within its timeout; the rest is for a busy machine.
      wait: (pool.health?.timeout ?? .zero) + .seconds(1))
  }
}
