import Foundation
import Testing

extension EndToEnd {
  /// Bytes arrive as they were sent, ends arrive as they were made, and nobody has to hold what another does not read.
  @Suite struct Relaying {
    let site: Site

    init() throws { site = try Site() }

    private let mebibyte = 1 << 20

    @Test func aClientThatHasFinishedSendingStillReceives() throws {
      let backend = try site.backend("") { connection in
        let all = try connection.receiveAll()
        try connection.send("got \(all.count)\n")
      }
      _ = try site.balancer(site.configuration([backend.json]))
      let client = try site.connect()
      try client.send([UInt8](repeating: 7, count: 300_000))
      try client.finishSending()
      #expect(try String(decoding: client.receiveAll(), as: UTF8.self) == "got 300000\n")
    }

    @Test func aBackendThatHasFinishedSendingStillReceives() throws {
      let received = Locked<Int?>(nil)
      let backend = try site.backend("") { connection in
        try connection.send("all I have to say\n")
        try connection.finishSending()
        let all = try connection.receiveAll()
        received.withLock { $0 = all.count }
      }
      _ = try site.balancer(site.configuration([backend.json]))
      let client = try site.connect()
      #expect(try String(decoding: client.receiveAll(), as: UTF8.self) == "all I have to say\n")
      try client.send([UInt8](repeating: 7, count: 300_000))
      try client.finishSending()
      #expect(received.wait(within: patience) { $0 } == 300_000)
    }

    @Test(arguments: [1, 2])
    func sixtyFourMebibytesPassBothWaysAtOnce(workers: Int) throws {
      let size = 64 * mebibyte
      let (up, down) = (ByteStream(seed: 1), ByteStream(seed: 2))
      let received = Locked<Result<Int, any Error>?>(nil)
      let backend = try site.backend("") { connection in
        let sender = BackgroundThread {
          try? down.send(to: size, on: connection)
          try? connection.finishSending()
        }
        let result = Result { try up.receive(on: connection) }
        try sender.join(within: .seconds(120))
        received.withLock { $0 = result }
      }
      _ = try site.balancer(site.configuration([backend.json], top: #""workers": \#(workers)"#))
      let client = try site.connect()
      let sender = BackgroundThread {
        try? up.send(to: size, on: client)
        try? client.finishSending()
      }
      #expect(try down.receive(on: client) == size)
      try sender.join()
      #expect(try received.wait(within: patience) { $0 }?.get() == size)
    }

    @Test func manyStreamsPassAtOnce() throws {
      let size = 2 * mebibyte
      let backend = try site.backend("")
      _ = try site.balancer(site.configuration([backend.json]))
      let failures = Locked<[String]>([])
      let front = site.front
      let clients = (0..<20).map { number in
        BackgroundThread {
          do {
            let bytes = ByteStream(seed: UInt64(number))
            let client = try Socket(connectingTo: front)
            let sender = BackgroundThread {
              try? bytes.send(to: size, on: client)
              try? client.finishSending()
            }
            let place = try bytes.receive(on: client)
            try sender.join()
            if place != size { throw Failure("ended after \(place) bytes") }
          } catch {
            failures.withLock { $0.append("\(number): \(error)") }
          }
        }
      }
      for client in clients { try client.join(within: .seconds(120)) }
      #expect(failures.current.isEmpty)
    }

    @Test func singleBytesGoBackAndForth() throws {
      let backend = try site.backend("")
      _ = try site.balancer(site.configuration([backend.json]))
      let client = try site.connect()
      for round in 0..<5000 {
        let byte = UInt8(truncatingIfNeeded: round)
        try client.send([byte])
        #expect(try client.receive(1) == [byte])
      }
    }

    @Test func aClientThatStopsReadingStopsTheBackend() throws {
      let bytes = ByteStream(seed: 3)
      let size = 256 * mebibyte
      let places = Locked<[Int: Int]>([:])
      let backend = try site.backend("") { connection in
        let id = Int(connection.descriptor)
        try bytes.send(to: size, on: connection) { place in places.withLock { $0[id] = place } }
      }
      let balancer = try site.balancer(site.configuration([backend.json], top: #""workers": 1"#))
      // What the program needs to move bytes at all comes with the first session.
      let first = try site.connect()
      #expect(try bytes.receive(to: mebibyte, on: first) == mebibyte)
      first.reset()
      try backend.waitForConnections(0)
      places.withLock { $0 = [:] }
      let before = try balancer.figures.residentBytes

      let clients = try (0..<20).map { _ in try Socket(connectingTo: site.front, receiveBuffer: 65536) }
      try waitUntil("all have begun") { places.current.count == 20 }
      try waitUntilStill("the backend is stopped") { places.current }
      #expect(places.current.values.allSatisfy { $0 < size / 4 }, "\(places.current)")
      let growth = try balancer.figures.residentBytes - before
      #expect(growth < 20 * mebibyte, "\(growth / 1024) KiB for 20 sessions that stand still")

      // Nothing was lost meanwhile.
      let wanted = places.current.values.max()! + 8 * mebibyte
      #expect(try bytes.receive(to: wanted, on: clients[0]) == wanted)
      for client in clients { client.reset() }
      try backend.waitForConnections(0)
    }

    @Test func aBackendThatStopsReadingStopsTheClient() throws {
      let bytes = ByteStream(seed: 4)
      let size = 256 * mebibyte
      let mayRead = Locked(false)
      let received = Locked<Result<Int, any Error>?>(nil)
      let backend = try site.backend("") { connection in
        var small: Int32 = 65536
        setsockopt(connection.descriptor, SOL_SOCKET, SO_RCVBUF, &small, 4)
        _ = mayRead.wait(within: .seconds(60)) { $0 ? true : nil }
        let result = Result { try bytes.receive(on: connection) }
        received.withLock { $0 = result }
      }
      let balancer = try site.balancer(site.configuration([backend.json], top: #""workers": 1"#))
      let before = try balancer.figures.residentBytes
      let client = try site.connect()
      let place = Locked(0)
      let isOver = Locked(false)
      let sender = BackgroundThread {
        try? bytes.send(to: size, on: client) { reached in place.withLock { $0 = reached } }
        try? client.finishSending()
        isOver.withLock { $0 = true }
      }
      try waitUntilStill("the client is stopped") { place.current }
      #expect(!isOver.current)
      #expect(place.current < size / 4)
      let growth = try balancer.figures.residentBytes - before
      #expect(growth < 4 * mebibyte, "\(growth / 1024) KiB for a session that stands still")

      mayRead.withLock { $0 = true }
      try sender.join(within: .seconds(120))
      #expect(try received.wait(within: .seconds(120)) { $0 }?.get() == size)
    }

    @Test func aReaderThatPausesGetsEverything() throws {
      let bytes = ByteStream(seed: 5)
      let size = 24 * mebibyte
      let backend = try site.backend("") { try bytes.send(to: size, on: $0) }
      _ = try site.balancer(site.configuration([backend.json]))
      let client = try Socket(connectingTo: site.front, receiveBuffer: 16384)
      var place = 0
      while place < size {
        // Long enough for whatever is between the two to fill.
        usleep(20_000)
        let next = min(place + mebibyte, size)
        #expect(try bytes.receive(from: place, to: next, on: client) == next)
        place = next
      }
      #expect(try client.waitForEnd() == .finished)
    }

    @Test func aClientsResetReachesTheBackend() throws {
      let end = Locked<Socket.End?>(nil)
      let backend = try site.backend("") { connection in
        try connection.send(connection.receive(5))
        let how = try connection.waitForEnd()
        end.withLock { $0 = how }
      }
      _ = try site.balancer(site.configuration([backend.json]))
      let client = try site.connect()
      try client.send("hello")
      #expect(try client.receive(5) == Array("hello".utf8))
      client.reset()
      #expect(end.wait(within: patience) { $0 } == .reset)
    }

    @Test func aBackendsResetReachesTheClient() throws {
      let backend = try site.backend("") { connection in
        try connection.send(connection.receive(5))
        _ = try connection.receive(1)
        connection.reset()
      }
      _ = try site.balancer(site.configuration([backend.json]))
      let client = try site.connect()
      try client.send("hello")
      #expect(try client.receive(5) == Array("hello".utf8))
      try client.send("!")
      #expect(try client.waitForEnd() == .reset)
    }

    @Test func aClientsResetReachesABackendThatIsSending() throws {
      let failure = Locked<Int32?>(nil)
      let bytes = ByteStream(seed: 6)
      let backend = try site.backend("") { connection in
        do {
          try bytes.send(to: .max, on: connection)
        } catch let error as SystemFailure {
          failure.withLock { $0 = error.number }
        }
      }
      _ = try site.balancer(site.configuration([backend.json]))
      let client = try site.connect()
      _ = try bytes.receive(to: mebibyte, on: client)
      client.reset()
      let number = failure.wait(within: patience) { $0 }
      #expect(number == ECONNRESET || number == EPIPE)
    }

    @Test func aResetPassesAfterAnEndToo() throws {
      let end = Locked<Socket.End?>(nil)
      let first = try site.backend("") { connection in
        // The client has finished; the backend resets instead of answering.
        _ = try connection.receiveAll()
        connection.reset()
      }
      let second = try site.backend("") { connection in
        try connection.finishSending()
        let how = try connection.waitForEnd()
        end.withLock { $0 = how }
      }
      _ = try site.balancer(site.configuration([first.json, second.json]))
      let finished = try site.connect()
      try finished.finishSending()
      #expect(try finished.waitForEnd() == .reset)
      let resetting = try site.connect()
      #expect(try resetting.waitForEnd() == .finished)
      resetting.reset()
      #expect(end.wait(within: patience) { $0 } == .reset)
    }

    @Test func aClientThatSendsToAClosedBackendIsTold() throws {
      let backend = try site.backend("") { connection in
        try connection.send(connection.receive(5))
        connection.close()
      }
      let balancer = try site.balancer(site.configuration([backend.json]))
      let idle = try balancer.figures.sockets
      let client = try site.connect()
      try client.send("hello")
      #expect(try client.receive(5) == Array("hello".utf8))
      #expect(throws: SystemFailure.self) {
        while true { try client.send([UInt8](repeating: 0, count: 65536)) }
      }
      try waitUntil("the session has ended") { try balancer.figures.sockets == idle }
    }

    @Test func silenceOfTheClientEndsASession() throws {
      try expectIdleEnd(listener: #""timeouts": { "client": "1s" }"#, pool: #""health": "off""#)
    }

    @Test func silenceOfTheBackendEndsASession() throws {
      try expectIdleEnd(listener: "", pool: #""health": "off", "timeouts": { "server": "1s" }"#)
    }

    private func expectIdleEnd(listener: String, pool: String) throws {
      let backend = try site.backend("a")
      _ = try site.balancer(site.configuration([backend.json], pool: pool, listener: listener))
      let (silent, _) = try site.session()
      let (talking, _) = try site.session()
      for _ in 0..<15 {
        usleep(100_000)
        try talking.send("x")
        #expect(try talking.receive(1) == Array("x".utf8))
      }
      _ = try silent.waitForEnd(within: .seconds(5))
      _ = try talking.waitForEnd()
      try backend.waitForConnections(0)
    }

    @Test func unixSocketsServeBothSides() throws {
      let backend = try site.backend("a", at: .unix(site.folder.path + "/backend.sock"))
      let front = Address.unix(site.folder.path + "/front.sock")
      _ = try site.balancer(
        """
        {
          "listeners": { "web": { "listen": "\(front)", "pool": "web" } },
          "pools": { "web": { "backends": [\(backend.json)] } }
        }
        """)
      let bytes = ByteStream(seed: 7)
      let client = try Socket(connectingTo: front)
      #expect(try client.receiveLine() == "a")
      let sender = BackgroundThread {
        try? bytes.send(to: 8 << 20, on: client)
        try? client.finishSending()
      }
      #expect(try bytes.receive(on: client) == 8 << 20)
      try sender.join()
    }

    @Test func ipv6ServesBothSides() throws {
      let backend = try site.backend("six", at: .ipv6(FreePort.take()))
      let front = Address.ipv6(try FreePort.take())
      _ = try site.balancer(
        """
        {
          "listeners": { "web": { "listen": "\(front)", "pool": "web" } },
          "pools": { "web": { "backends": [\(backend.json)] } }
        }
        """)
      #expect(try Socket(connectingTo: front).receiveLine() == "six")
    }

    @Test func aListenerMayHaveManyAddresses() throws {
      let backend = try site.backend("a")
      let (bare, second) = (try FreePort.take(), Address.unix(site.folder.path + "/second.sock"))
      _ = try site.balancer(
        """
        {
          "listeners": { "web": { "listen": [":\(bare)", "\(second)"], "pool": "web" } },
          "pools": { "web": { "backends": [\(backend.json)] } }
        }
        """)
      for front in [Address.ipv4(bare), .ipv6(bare), second] {
        #expect(try Socket(connectingTo: front).receiveLine() == "a")
      }
    }
  }
}

/// Waits until what moves has stopped: half a second without a change. Nothing tells when a peer will send no more.
func waitUntilStill<Value: Equatable>(
  _ what: String, within limit: Duration = patience, _ read: () -> Value
) throws {
  let deadline = Deadline(in: limit)
  var last = read()
  var still = 0
  while still < 10 {
    usleep(50_000)
    let now = read()
    still = now == last ? still + 1 : 0
    last = now
    if deadline.hasPassed { throw Failure("waited \(limit) in vain until \(what)") }
  }
}
