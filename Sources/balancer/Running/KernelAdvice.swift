import Configuration
import Reactor

/// What a configuration asks of the kernel and does not get.
enum KernelAdvice {
  static func warnings(
    _ configuration: Configuration, fastOpen: FastOpen = .ofThisMachine,
    hasMultipathTCP: @autoclosure () -> Bool = MultipathTCP.isAvailable,
    mayBeTransparent: @autoclosure () -> Bool = TransparentSockets.arePermitted
  ) -> [String] {
    var warnings: [String] = []
    func warn(_ path: String, _ message: String) {
      warnings.append("\(configuration.places.description(of: path)): \(message)")
    }
    let multipath = "this kernel has no Multipath TCP, or net.mptcp.enabled is 0: connections are TCP"
    let lacksMultipath =
      configuration.listeners.contains(where: \.mptcp) || configuration.pools.contains(where: \.mptcp)
      ? !hasMultipathTCP() : false
    for listener in configuration.listeners {
      let path = "listeners.\(listener.name)"
      if listener.fastOpen, !fastOpen.forServers {
        warn("\(path).fastOpen", "this machine does not offer it: set bit 2 of net.ipv4.tcp_fastopen (sysctl)")
      }
      if listener.mptcp, lacksMultipath { warn("\(path).mptcp", multipath) }
    }
    let lacksTransparency = configuration.pools.contains { $0.source == .client } ? !mayBeTransparent() : false
    for pool in configuration.pools {
      let path = "pools.\(pool.name)"
      if pool.fastOpen, !fastOpen.forClients {
        warn("\(path).fastOpen", "this machine does not use it: set bit 1 of net.ipv4.tcp_fastopen (sysctl)")
      }
      if pool.source == .client, lacksTransparency {
        warn(
          "\(path).source",
          "this process has no CAP_NET_ADMIN, without which no connection can have the client's address")
      }
      if pool.mptcp, lacksMultipath { warn("\(path).mptcp", multipath) }
    }
    return warnings
  }

  /// Who encrypts, where anything is; nil where TLS is not configured. Nothing is asked for here, so it is no warning.
  static func tls(_ configuration: Configuration, obstacle: @autoclosure () -> String? = KernelTLS.obstacle) -> String?
  {
    guard
      configuration.listeners.contains(where: { $0.tls != nil })
        || configuration.pools.contains(where: { pool in pool.backends.contains { pool.tls(of: $0) != nil } })
    else { return nil }
    guard let obstacle = obstacle() else { return "kernel TLS: used for bulk" }
    return "kernel TLS: \(obstacle); TLS is done in the program"
  }
}
