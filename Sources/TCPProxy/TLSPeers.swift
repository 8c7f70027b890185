import Balancing
import Synchronization
import TLS

/// How each backend of a pool is spoken to, where that is TLS for one of them at least.
///
/// One object for the life of the pool, over all reloads, so that sessions which began before a reload know the backends
/// that came with it. Whoever assembles the pool calls `set` before `Pool.apply` brings in a backend. One that was never
/// named here gets no session (its connects fail, with that cause): to talk in the clear by mistake would be worse.
public final class TLSPeers: Sendable {
  private struct Entry {
    /// Kept, so that its identity is never another's.
    let backend: Backend
    let peer: TLSPeer?
  }

  private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

  /// - Parameter backends: see `set`.
  public init(_ backends: [(backend: Backend, peer: TLSPeer?)] = []) { set(backends) }

  /// From now on exactly these are known. Sessions that run already are not touched.
  /// - Parameter backends: every backend of the pool; those without a peer are spoken to in the clear.
  public func set(_ backends: [(backend: Backend, peer: TLSPeer?)]) {
    var new: [ObjectIdentifier: Entry] = [:]
    for (backend, peer) in backends { new[ObjectIdentifier(backend)] = Entry(backend: backend, peer: peer) }
    entries.withLock { swap(&$0, &new) }
  }

  enum Answer {
    case inTheClear
    case tls(TLSPeer)
    case unknown
  }

  func peer(of backend: Backend) -> Answer {
    guard let entry = entries.withLock({ $0[ObjectIdentifier(backend)] }) else { return .unknown }
    return entry.peer.map { .tls($0) } ?? .inTheClear
  }
}
