import Foundation
import Testing

extension EndToEnd {
  /// Clients and servers that do whatever they can think of, while servers come and go and the file changes. Nobody gets
  /// a byte that was not sent to him, and when all have left nothing is left of them.
  @Suite struct Turmoil {
    let site: Site

    init() throws { site = try Site() }

    @Test(arguments: [1, 2, 3] as [UInt64]) func nothingBreaksAndNothingIsLeft(seed: UInt64) throws {
      let backends = try (0..<4).map { number in
        let order = Locked(SeededRandom(seed: seed * 100 + UInt64(number)))
        return try site.backend("") { connection in
          var random = order.withLock { SeededRandom(seed: $0.next()) }
          try Self.serve(connection, &random)
        }
      }
      func file(_ random: inout SeededRandom) -> String {
        let written = backends.shuffled(using: &random).prefix(.random(in: 2...4, using: &random)).map { backend in
          let weight = Int.random(in: 1...5, using: &random)
          let connections = [0, 0, 50].randomElement(using: &random)!
          return backend.json(#""weight": \#(weight), "connections": \#(connections)"#)
        }
        let scheduler = ["round-robin", "least-connections"].randomElement(using: &random)!
        let health = [#""off""#, #"{ "interval": "50ms", "timeout": "50ms", "fall": 2, "rise": 1 }"#]
        return site.configuration(
          written,
          pool: """
            "health": \(health.randomElement(using: &random)!), "scheduler": "\(scheduler)", "onDown": "close",
            "timeouts": { "connect": "200ms", "server": "400ms" }
            """, listener: #""timeouts": { "client": "400ms" }"#, top: #""workers": 3"#)
      }
      var random = SeededRandom(seed: seed)
      let balancer = try site.balancer(file(&random))
      _ = try? site.visit()
      let wrong = Locked<[String]>([])
      let whole = Locked(0)
      let front = site.front
      let clients = (0..<12).map { number in
        BackgroundThread {
          var random = SeededRandom(seed: seed * 1000 + UInt64(number))
          for round in 0..<120 {
            do {
              if try Self.visit(front, &random) { whole.withLock { $0 += 1 } }
            } catch let failure as Failure {
              wrong.withLock { $0.append("client \(number), round \(round): \(failure)") }
            } catch {
              // Resets and refusals are part of it.
            }
          }
        }
      }
      for _ in 0..<40 {
        usleep(20_000)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: try balancer.reload(file(&random))
        case 1: try backends.randomElement(using: &random)!.stopListening()
        default:
          for backend in backends { try? backend.listen() }
        }
      }
      for client in clients { try client.join(within: .seconds(120)) }
      for backend in backends { try? backend.listen() }
      #expect(wrong.current.isEmpty, "seed \(seed)")
      // Most visits are cut short by somebody's whim; enough are not.
      #expect(whole.current > 200, "seed \(seed)")
      #expect(balancer.process.hasExited == nil, "seed \(seed)")

      // Once all is calm it serves as ever, and each session's descriptors are back.
      let calm = try site.backend("calm")
      try balancer.reload(site.configuration([calm.json], top: #""workers": 3"#))
      try waitUntil("the last file is in use") { (try? site.visit()) == "calm" }
      for backend in backends { try backend.waitForConnections(0) }
      try waitUntil("only listeners and mailboxes are watched, seed \(seed)") {
        try balancer.figures.watchedByEpoll.allSatisfy { $0 <= 4 }
      }
    }

    private static func serve(_ connection: Socket, _ random: inout SeededRandom) throws {
      switch Int.random(in: 0..<8, using: &random) {
      case 0: connection.reset()
      case 1: connection.close()
      case 2:
        _ = try connection.receive(Int.random(in: 1...100_000, using: &random))
        connection.reset()
      case 3:
        try connection.send(connection.receive(Int.random(in: 1...100_000, using: &random)))
        connection.close()
      case 4:
        let bytes = try connection.receive(Int.random(in: 1...100_000, using: &random))
        try connection.send(bytes)
        try connection.finishSending()
        _ = try connection.receiveAll()
      default: try TestBackend.echo(connection)
      }
    }

    /// Sends a stream and expects of what comes back that it begins as the stream did.
    ///
    /// - Returns: whether all of it came back.
    private static func visit(_ front: Address, _ random: inout SeededRandom) throws -> Bool {
      let socket = try Socket(connectingTo: front)
      let bytes = streams.randomElement(using: &random)!
      let size = [1, 100, 5000, 70_000, 400_000].randomElement(using: &random)!
      let manner = Int.random(in: 0..<8, using: &random)
      if manner == 0 { return false }
      if manner == 1 {
        socket.reset()
        return false
      }
      let sender = BackgroundThread {
        try? bytes.send(to: size, on: socket, within: .seconds(10))
        if manner != 2 { try? socket.finishSending() }
      }
      defer { try? sender.join() }
      if manner == 3 {
        _ = try bytes.receive(to: max(1, size / 2), on: socket, within: .seconds(30))
        socket.interrupt()
        return false
      }
      // In manner 2 nobody says the end: the idle timeout does.
      return try bytes.receive(to: manner == 2 ? size : .max, on: socket, within: .seconds(30)) == size
    }

    private static let streams = (0..<4).map { ByteStream(seed: $0) }
  }
}
