import Base
import Compression
import Glibc
import HTTPCore
import TLS
import Testing

@testable import TCPProxy

/// What HTTP keeps for its clients counts for `limits.memory`, in the clear and within TLS alike.
@Suite struct HTTPMemoryTests {
  enum Hoard: String, CaseIterable, Sendable {
    case gzip, brotli, responsesNotRead, bodiesNotTaken, headsWithoutEnd

    /// How many of a kind come, and what they hold together at least.
    var crowd: (clients: Int, memory: Int) {
      switch self {
      case .gzip: (8, 8 * ContentEncoder.footprint(.gzip))
      case .brotli: (4, 4 * ContentEncoder.footprint(.brotli))
      // As much as a small read, told in grains.
      case .responsesNotRead, .bodiesNotTaken: (32, 128 << 10)
      case .headsWithoutEnd: (8, 1 << 20)
      }
    }

    fileprivate func serve(_ peer: Peer) throws {
      var head = ""
      while !head.contains("\r\n\r\n") { head += String(decoding: try peer.receiveSome().bytes, as: UTF8.self) }
      switch self {
      case .gzip, .brotli:
        // A stream that goes on: its encoder stays at work.
        try peer.send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n")
        wait(peer)
      case .responsesNotRead:
        try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(1 << 30)\r\n\r\n")
        while true { try peer.send([UInt8](repeating: 0, count: 64 << 10)) }
      case .bodiesNotTaken, .headsWithoutEnd: wait(peer)
      }
    }

    /// Reads nothing until the other end has gone.
    private func wait(_ peer: Peer) {
      var look = pollfd(fd: peer.descriptor, events: 0x2000, revents: 0)  // POLLRDHUP
      _ = poll(&look, 1, 600_000)
    }

    fileprivate func speak(_ peer: Peer) throws {
      switch self {
      case .gzip: try peer.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
      case .brotli: try peer.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n")
      case .responsesNotRead: try peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      case .bodiesNotTaken:
        try peer.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \(1 << 30)\r\n\r\n")
        while true { try peer.send([UInt8](repeating: 0, count: 64 << 10)) }
      case .headsWithoutEnd: try peer.send("GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 200_000))")
      }
    }
  }

  @Test(arguments: Hoard.allCases, [false, true])
  func countsForTheLimit(hoard: Hoard, isSecure: Bool) throws {
    let tls = TestTLS()
    let server = try TestServer { try hoard.serve($0) }
    var http = HTTPService.Settings()
    http.limits = HeadLimits(bytes: 256 << 10, fields: 100)
    http.compression = HTTPCompression(try CompressibleTypes(["text/plain"]), minimum: 1)
    let proxy = try Proxy([(server.port, nil)], tls: isSecure ? tls.makeServer() : nil) { service, _ in
      service.http = HTTPService(http)
    }
    let clientTLS = try isSecure ? tls.makePeer() : nil
    let clients = try (0..<hoard.crowd.clients).map { _ in
      if let clientTLS {
        try proxy.connect(clientTLS, receiveBuffer: 4096)
      } else {
        try proxy.connect(receiveBuffer: 4096)
      }
    }
    try waitUntil("they are there") { proxy.sessions == clients.count }
    let before = proxy.admission.memoryInUse
    let speakers = clients.map { peer in Task { try? hoard.speak(peer) } }
    // Whoever still speaks finds nobody there.
    func endSpeaking() throws {
      for client in clients { shutdown(client.descriptor, Int32(SHUT_RDWR)) }
      for speaker in speakers { try speaker.value() }
    }
    var late: [Peer] = []
    do {
      try waitUntil("\(hoard.crowd.memory) bytes are counted") {
        proxy.admission.memoryInUse >= before + hoard.crowd.memory
      }
      // Where that is too much nobody else is let in until they have gone. Meanwhile the kernel's buffers may still grow and
      // take some of it: then the next one comes.
      proxy.admission.memoryLimit = before + hoard.crowd.memory / 2
      var isLetIn = true
      while isLetIn {
        late.append(try proxy.connect())
        try waitUntil("it waits or is let in") {
          isLetIn = proxy.sessions == clients.count + late.count
          return isLetIn || proxy.admission.isAwaited
        }
        try #require(late.count < 1000, "nobody ever waits")
      }
    } catch {
      try? endSpeaking()
      throw error
    }
    try endSpeaking()
    for client in clients { client.reset() }
    try waitUntil("all are let in") { proxy.sessions == late.count }
    for client in late { client.close() }
    try proxy.waitUntilAtRest()
    server.stop()
  }
}
