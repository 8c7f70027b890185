import Balancing
import Configuration
import TCPProxy
import TLS

/// How the backends of a pool are talked to by TLS, by sessions and by checks.
struct BackendPeers {
  private struct Entry {
    let peer: TLSPeer
    let context: TLSClientContext
  }

  private struct Pair {
    var sessions: Entry?
    var checks: Entry?
  }

  private var pairs: [ObjectIdentifier: Pair] = [:]

  /// Takes a peer over from `former` where it would be the same: it has the sessions that may be resumed.
  init(
    _ backends: [Backend], _ resolved: [ResolvedBackend], of configuration: PoolConfiguration,
    _ contexts: TLSContexts, former: BackendPeers?
  ) throws(TLSProblems) {
    for (backend, settings) in zip(backends, resolved.map(\.configuration)) {
      let former = former?.pairs[ObjectIdentifier(backend)]
      let host = TLSServerName(settings.address)
      let sessions = try Self.entry(
        configuration.tls(of: settings), host, contexts, [former?.sessions])
      // Where they are talked to alike, checks and sessions share one.
      let checks = try Self.entry(
        configuration.healthTLS(of: settings), host, contexts, [sessions, former?.checks])
      pairs[ObjectIdentifier(backend)] = Pair(sessions: sessions, checks: checks)
    }
  }

  private static func entry(
    _ tls: BackendTLSConfiguration?, _ host: TLSServerName?, _ contexts: TLSContexts, _ former: [Entry?]
  ) throws(TLSProblems) -> Entry? {
    guard let tls, let context = contexts.clients[TLSClientSettings(tls)]?.context else { return nil }
    let name = tls.serverName.flatMap { TLSServerName($0) } ?? host
    for case let entry? in former where entry.context === context && entry.peer.name == name { return entry }
    return Entry(peer: try context.peer(host: name), context: context)
  }

  var isEmpty: Bool { pairs.values.allSatisfy { $0.sessions == nil } }

  /// For the sessions of each backend.
  func forSessions(_ backends: [Backend]) -> [(backend: Backend, peer: TLSPeer?)] {
    backends.map { ($0, pairs[ObjectIdentifier($0)]?.sessions?.peer) }
  }

  func forChecks(of backend: Backend) -> TLSPeer? { pairs[ObjectIdentifier(backend)]?.checks?.peer }
}
