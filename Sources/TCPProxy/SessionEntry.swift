import Balancing
import Base

/// A session as somebody sees it who asks for the list.
public struct SessionEntry: Sendable {
  public enum State: String, Sendable {
    /// Its PROXY header or ClientHello is to come.
    case greeting
    case handshake
    /// In the queue, for the first checks, or for a password.
    case waiting
    case connecting
    case relaying
    /// HTTP, between two requests.
    case idle
  }

  public let key: SessionKey
  public let listener: String
  public let isHTTP: Bool
  /// Nil for a client of a unix socket.
  public let client: SocketAddress?
  public let pool: String?
  public let backend: String?
  public let state: State
  public let bytesFromClient: Int
  public let bytesToClient: Int
}

public struct SessionPage: Sendable {
  /// The oldest first.
  public let sessions: [SessionEntry]
  /// The last of them, where more follow.
  public let next: SessionKey?

  /// - Parameter found: of each worker one more than the page takes, where it has more.
  init(_ found: [SessionEntry], limit: Int) {
    let sorted = found.sorted { $0.key < $1.key }
    sessions = Array(sorted.prefix(limit))
    next = sorted.count > limit ? sessions.last?.key : nil
  }
}

extension Worker {
  /// Nil for one that has ended meanwhile.
  func entry(_ key: SessionKey) -> SessionEntry? {
    if key.isHTTPClient { return http.clients.pointer(to: key.handle).map { entry(key, $0) } }
    guard let session = sessions.pointer(to: key.handle) else { return nil }
    let state: SessionEntry.State =
      switch session.pointee.phase {
      case .greeting: session.pointee.greeting?.stage == .tls ? .handshake : .greeting
      case .waiting: .waiting
      case .connecting, .securing: .connecting
      case .poised, .relaying, .relayingSecurely: .relaying
      }
    return SessionEntry(
      key: key, listener: session.pointee.service.listener, isHTTP: session.pointee.service.http != nil,
      client: session.pointee.clientAddress.map { .ip($0, port: session.pointee.clientPort) },
      pool: session.pointee.destination?.pool.name, backend: session.pointee.backend?.name, state: state,
      bytesFromClient: session.pointee.toServer.bytes, bytesToClient: session.pointee.toClient.bytes)
  }

  private func entry(_ key: SessionKey, _ client: UnsafeMutablePointer<HTTPClient>) -> SessionEntry {
    let exchange = http.exchanges.pointer(to: client.pointee.exchange)
    let state: SessionEntry.State =
      switch (client.pointee.phase, exchange?.pointee.phase) {
      case (.idle, _): .idle
      case (.verifying, _), (.exchange, .waiting): .waiting
      case (.exchange, .connecting): .connecting
      default: .relaying
      }
    return SessionEntry(
      key: key, listener: client.pointee.service.listener, isHTTP: true,
      client: client.pointee.address.map { .ip($0, port: client.pointee.port) },
      pool: exchange?.pointee.destination.pool.name, backend: exchange?.pointee.backend?.name, state: state,
      bytesFromClient: client.pointee.connection.received, bytesToClient: client.pointee.connection.sent)
  }
}
