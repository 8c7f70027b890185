import Base
import Foundation
import Synchronization
import TLS

/// A server within the test, in the clear or with TLS: each connection is served on a thread of its own.
final class TestServer: Sendable {
  let descriptor: Int32
  let port: UInt16
  private let isOver = Atomic<Bool>(false)
  /// Connections taken so far.
  let connections = Atomic<Int>(0)
  private let failures = Mutex<[String]>([])

  /// - Parameters:
  ///   - tls: nil is in the clear.
  ///   - service: what happens behind the handshake. Its errors are kept.
  init(_ tls: TLSServerContext? = nil, _ service: @escaping @Sendable (Peer) throws -> Void = TestServer.echo) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let isBound = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0 && listen(descriptor, 1024) == 0
          && getsockname(descriptor, address, &length) == 0
      }
    }
    port = UInt16(bigEndian: address.sin_port)
    if !isBound { throw Failure("cannot listen on loopback: \(errno)") }
    let thread = Thread { [self] in
      while true {
        let number = accept(descriptor, nil, nil)
        if number < 0 || isOver.load(ordering: .relaxed) {
          if number >= 0 { close(number) }
          // Here, where nobody can come to accept at what another test has under the same number.
          close(descriptor)
          return
        }
        connections.add(1, ordering: .relaxed)
        let peer = Peer(number)
        let thread = Thread { [self] in
          do {
            if let tls {
              peer.start(try tls.makeEngine())
              try peer.handshake()
            }
            try service(peer)
          } catch {
            failures.withLock { $0.append("\(error)") }
          }
          peer.close()
        }
        thread.stackSize = 1 << 20
        thread.start()
      }
    }
    thread.start()
  }

  /// No more connections are taken.
  func stop() {
    isOver.store(true, ordering: .relaxed)
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  /// What went wrong in the service of connections.
  var errors: [String] { failures.withLock { $0 } }

  /// Sends back what comes, and ends when the client does.
  static let echo: @Sendable (Peer) throws -> Void = { peer in
    while true {
      let (bytes, end) = try peer.receiveSome()
      if !bytes.isEmpty { try peer.send(bytes) }
      guard let end else { continue }
      if end == .finished { try peer.finish() }
      return
    }
  }
}
