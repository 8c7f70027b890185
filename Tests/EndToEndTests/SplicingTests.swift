import Foundation
import Testing

extension EndToEnd {
  /// Bulk between plain sockets goes through a pipe in the kernel, and everything is as if it did not. A worker makes its
  /// pipe when it first needs one, so that its ends tell of it.
  @Suite struct Splicing {
    let site: Site

    init() throws { site = try Site() }

    enum Kind: CaseIterable {
      case tunnel, session
    }

    /// A balancer with one worker before a backend that the test is.
    private struct Setting {
      let site: Site
      let kind: Kind
      let backend: HandBackend
      let balancer: BalancerProcess
      /// Ends of pipes that it has before any bulk.
      let pipes: Int

      init(_ site: Site, _ kind: Kind, pool: String = "") throws {
        self.site = site
        self.kind = kind
        backend = try site.handBackend()
        let more = pool.isEmpty ? "" : ", \(pool)"
        balancer = try site.balancer(
          kind == .tunnel
            ? site.http([backend.json], pool: pool)
            : site.configuration([backend.json], pool: #""health": "off""# + more, top: #""workers": 1"#))
        pipes = try balancer.figures.pipes
      }

      /// Both ends of a tunnel or a session.
      func connect(receiveBuffer: Int32? = nil) throws -> (client: Socket, server: Socket) {
        let client = try Wire(connectingTo: site.front, receiveBuffer: receiveBuffer)
        site.keep(client)
        if kind == .session {
          let server = try backend.accept()
          site.keep(server)
          return (client.socket, server.socket)
        }
        try client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: foo/2\r\n\r\n")
        let (server, _) = try backend.request()
        site.keep(server)
        try server.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo/2\r\n\r\n")
        guard try client.response().status == 101 else { throw Failure("no tunnel") }
        return (client.socket, server.socket)
      }

      func expectPipe(_ isThere: Bool = true) throws {
        #expect(try balancer.figures.pipes == pipes + (isThere ? 2 : 0))
      }
    }

    @Test(arguments: Kind.allCases)
    func sixtyFourMebibytesPassBothWaysAtOnce(kind: Kind) throws {
      let size = 64 * mebibyte
      let setting = try Setting(site, kind)
      let (client, server) = try setting.connect()
      let (up, down) = (ByteStream(seed: 1), ByteStream(seed: 2))
      let received = Locked(0)
      let threads = [
        BackgroundThread { _ = try? up.send(to: size, on: client) },
        BackgroundThread { _ = try? down.send(to: size, on: server) },
        BackgroundThread {
          let count = (try? up.receive(to: size, on: server)) ?? -1
          received.withLock { $0 = count }
        },
      ]
      #expect(try down.receive(to: size, on: client) == size)
      for thread in threads { try thread.join(within: .seconds(120)) }
      #expect(received.current == size)
      try setting.expectPipe()
      // And on it goes with little.
      try client.send("ping")
      #expect(try server.receive(4) == Array("ping".utf8))
      // Whatever comes after it uses the same pipe, and leaves nothing behind.
      client.close()
      #expect(try server.receiveAll().isEmpty)
      server.close()
      let rest = try setting.balancer.figures.descriptors
      for _ in 0..<5 {
        let (client, server) = try setting.connect()
        let sender = BackgroundThread { _ = try? up.send(to: 4 * mebibyte, on: client) }
        #expect(try up.receive(to: 4 * mebibyte, on: server) == 4 * mebibyte)
        try sender.join()
        client.close()
        server.close()
      }
      try waitUntil("only the pipe is left") { try setting.balancer.figures.descriptors <= rest }
      try setting.expectPipe()
    }

    @Test(arguments: Kind.allCases)
    func messagesAreNotSpliced(kind: Kind) throws {
      let setting = try Setting(site, kind)
      let (client, server) = try setting.connect()
      for number in 0..<500 {
        let message = [UInt8](repeating: UInt8(number & 0xFF), count: 1 + number * 31 % 30_000)
        try client.send(message)
        #expect(try server.receive(message.count) == message)
        try server.send(message)
        #expect(try client.receive(message.count) == message)
      }
      try setting.expectPipe(false)
    }

    /// A reader that stands still stops the writer, costs a read's worth of memory, and has no part of the pipe: another
    /// flow goes through it meanwhile.
    @Test(arguments: Kind.allCases)
    func aSlowReaderStopsTheWriterAndNobodyElse(kind: Kind) throws {
      // More than all buffers of the kernel hold: a socket that is read quickly is given up to 32 MiB (tcp_rmem).
      let size = 128 * mebibyte
      let setting = try Setting(site, kind)
      let (client, server) = try setting.connect(receiveBuffer: 65536)
      let bytes = ByteStream(seed: 3)
      // A while at full speed, so that the flow is bulk when it is stopped.
      let before = try setting.balancer.figures.residentBytes
      let place = Locked(0)
      let sender = BackgroundThread {
        _ = try? bytes.send(to: size, on: server) { reached in place.withLock { $0 = reached } }
        try? server.finishSending()
      }
      #expect(try bytes.receive(to: 8 * mebibyte, on: client) == 8 * mebibyte)
      try waitUntilStill("the writer is stopped") { place.current }
      #expect(place.current < size / 2)

      let (otherClient, otherServer) = try setting.connect()
      let others = ByteStream(seed: 4)
      let otherSender = BackgroundThread { _ = try? others.send(to: 16 * mebibyte, on: otherServer) }
      #expect(try others.receive(to: 16 * mebibyte, on: otherClient) == 16 * mebibyte)
      try otherSender.join()
      try setting.expectPipe()
      let growth = try setting.balancer.figures.residentBytes - before
      #expect(growth < 4 * mebibyte, "\(growth / 1024) KiB for a reader that stands still")

      #expect(try bytes.receive(from: 8 * mebibyte, on: client) == size)
      try sender.join(within: .seconds(60))
    }

    /// The end arrives behind the last byte, and the other direction goes on.
    @Test(arguments: Kind.allCases)
    func anEndArrivesBehindTheBytes(kind: Kind) throws {
      let size = 16 * mebibyte + 12_345
      let setting = try Setting(site, kind)
      let (client, server) = try setting.connect()
      let bytes = ByteStream(seed: 5)
      let sender = BackgroundThread {
        _ = try? bytes.send(to: size, on: client)
        try? client.finishSending()
      }
      #expect(try bytes.receive(on: server) == size)
      try sender.join()
      let answerer = BackgroundThread {
        _ = try? bytes.send(to: size, on: server)
        server.close()
      }
      #expect(try bytes.receive(on: client) == size)
      try answerer.join()
      try setting.expectPipe()
    }

    /// Either side breaks off in the middle, with bytes on the way: the other learns of it, and the next to come gets its own
    /// bytes and no others.
    @Test(arguments: Kind.allCases, [true, false])
    func aResetLeavesNothingForTheNext(kind: Kind, ofTheReader: Bool) throws {
      let setting = try Setting(site, kind)
      for number in 0..<4 {
        let (client, server) = try setting.connect()
        let bytes = ByteStream(seed: 6)
        let hasFailed = Locked(false)
        let sender = BackgroundThread {
          do {
            try bytes.send(to: 1 << 30, on: server, within: patience)
          } catch is SystemFailure { hasFailed.withLock { $0 = true } } catch {}
        }
        let reached = 4 * mebibyte + number * 100_000
        #expect(try bytes.receive(to: reached, on: client) == reached)
        if ofTheReader {
          client.reset()
          try waitUntil("the writer is told") { hasFailed.current }
          try sender.join()
        } else {
          server.abort()
          // What was on the way may come, as it was sent; then the reset.
          #expect(throws: SystemFailure.self) { _ = try bytes.receive(from: reached, on: client) }
          try sender.join()
        }
        let next = try setting.connect()
        let others = ByteStream(seed: 100 + UInt64(number))
        let size = 4 * mebibyte
        let otherSender = BackgroundThread {
          _ = try? others.send(to: size, on: next.server)
          try? next.server.finishSending()
        }
        #expect(try others.receive(on: next.client) == size)
        try otherSender.join()
      }
      try setting.expectPipe()
    }

    /// Urgent data (tcp(7)) stops a splice as if the end had come, or nothing: neither may be believed.
    @Test(arguments: Kind.allCases)
    func urgentDataIsNoEnd(kind: Kind) throws {
      let size = 8 * mebibyte
      let setting = try Setting(site, kind)
      let (client, server) = try setting.connect()
      let bytes = ByteStream(seed: 7)
      let sender = BackgroundThread {
        for part in 0..<8 {
          _ = try? bytes.send(from: part * mebibyte, to: (part + 1) * mebibyte, on: client)
          var urgent: UInt8 = 0xAA
          // Full at times; then it comes with the next.
          _ = send(client.descriptor, &urgent, 1, Int32(MSG_OOB))
        }
        try? client.finishSending()
      }
      // Of an urgent byte that is superseded by another it is left to the kernel whether it comes among the others, so
      // only the count is known.
      let count = try server.receiveAll(within: .seconds(60)).count
      #expect(count >= size && count <= size + 8, "\(count - size) more")
      try sender.join()
      try setting.expectPipe()
    }

    /// Nothing to make a pipe of: the buffer relays, as ever.
    @Test(arguments: Kind.allCases)
    func withoutDescriptorsTheBufferRelays(kind: Kind) throws {
      let size = 16 * mebibyte
      let setting = try Setting(site, kind)
      let (client, server) = try setting.connect()
      // Taken away while it runs, the lowest that is free and all above it.
      let process = setting.balancer.process.pid
      let numbers = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").compactMap { Int($0) }
      let lowest = (0...).first { !numbers.contains($0) } ?? 0
      let limited = try ChildProcess.run(["prlimit", "--pid=\(process)", "--nofile=\(lowest)"])
      #expect(limited.exit == .status(0), "\(limited.errors)")
      let bytes = ByteStream(seed: 8)
      let sender = BackgroundThread {
        _ = try? bytes.send(to: size, on: client)
        try? client.finishSending()
      }
      #expect(try bytes.receive(on: server) == size)
      try sender.join()
      try setting.expectPipe(false)
    }

    /// What is spliced is activity.
    @Test(arguments: Kind.allCases)
    func bulkIsNotSilence(kind: Kind) throws {
      let setting = try Setting(
        site, kind, pool: #""timeouts": { "\#(kind == .tunnel ? "tunnel" : "server")": "1s" }"#)
      let (client, server) = try setting.connect()
      let bytes = ByteStream(seed: 9)
      let sender = BackgroundThread { _ = try? bytes.send(to: 8 * mebibyte, on: client) }
      var place = try bytes.receive(to: 8 * mebibyte, on: server)
      try sender.join()
      for _ in 0..<15 {
        usleep(100_000)
        // Less than a read, and much all the same.
        try bytes.send(from: place, to: place + 200_000, on: client)
        place = try bytes.receive(from: place, to: place + 200_000, on: server)
      }
      try setting.expectPipe()
      #expect(try server.receiveAll().isEmpty)
    }
  }
}

private let mebibyte = 1 << 20
