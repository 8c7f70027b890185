import ArgumentParser
import Base
import Glibc
import HTTPCore
import Reactor

/// A small HTTP server that says who it is: a backend to try the balancer with.
struct DemoBackendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo-backend",
    abstract: "Start one of the demo's backends, for example after killing it.",
    discussion: """
      Example:
        balancer demo-backend --port 9002
      """)

  @Option(help: "The port to listen on, on 127.0.0.1.")
  var port: UInt16

  @Flag(help: .hidden)
  var child = false

  func run() throws {
    if child { ParentProcess.endWithIt() }
    SignalSource.ignoreBrokenPipes()
    do {
      var server = try DemoServer(port: port)
      server.run()
    } catch {
      throw fail(ExitStatus.unavailable, "balancer demo-backend: \(error)")
    }
  }
}

/// Answers every request, whatever it asks for, with the number of its port: a page for browsers, a line for the rest.
private struct DemoServer: ~Copyable {
  private static let listenerWord: UInt64 = .max
  /// Clients at once; more wait in the backlog until one leaves.
  private static let mostClients = 512
  /// A request head that is longer is none.
  private static let longestHead = 16_384

  private struct Client: ~Copyable {
    let socket: Descriptor
    var head: [UInt8] = []
    var progress = HeadProgress()
    /// It has had its last answer, and what it still sends is passed over.
    var isEnding = false
  }

  private let listener: SharedDescriptor
  private let poller: Poller
  private var clients = Slab<Client>(chunkSize: 64)
  private let answer: DemoAnswer
  private var fields = FieldTable()

  init(port: UInt16) throws {
    let listener = try ListeningSocket.open(.ip(.loopbackIPv4, port: port), count: 1, backlog: 512)[0]
    let poller = try Poller()
    try poller.add(listener.number, .readable, token: Self.listenerWord)
    self.listener = listener
    self.poller = poller
    answer = DemoAnswer(port: port)
  }

  mutating func run() {
    while true {
      for index in 0..<poller.wait(timeout: -1) {
        let (word, _) = poller.event(at: index)
        if word == Self.listenerWord {
          accept()
        } else {
          read(Handle(slot: UInt32(truncatingIfNeeded: word), generation: UInt32(truncatingIfNeeded: word >> 32)))
        }
      }
    }
  }

  private mutating func accept() {
    guard case .accepted(let socket, _, _) = Accepting.from(listener.number) else { return }
    if clients.count == Self.mostClients { return }
    let number = socket.number
    let handle = clients.insert(Client(socket: socket))
    let word = UInt64(handle.generation) << 32 | UInt64(handle.slot)
    if (try? poller.add(number, .readable, token: word)) == nil { _ = clients.remove(handle) }
  }

  private mutating func read(_ handle: Handle) {
    guard let client = clients.pointer(to: handle) else { return }
    let number = client.pointee.socket.number
    var chunk = [UInt8](repeating: 0, count: 4096)
    let received = chunk.withUnsafeMutableBytes {
      SocketIO.receive(number, into: $0.baseAddress!, count: $0.count)
    }
    guard case .bytes(let count) = received, client.pointee.head.count + count <= Self.longestHead else {
      if received != .blocked { _ = clients.remove(handle) }
      return
    }
    if client.pointee.isEnding { return }
    client.pointee.head += chunk[..<count]
    // One request after the other, as long as none has a body.
    while !client.pointee.isEnding, let (response, length, isLast) = respond(to: client) {
      client.pointee.head.removeFirst(length)
      client.pointee.progress = HeadProgress()
      _ = response.withUnsafeBytes { SocketIO.send(number, from: $0.baseAddress!, count: $0.count, more: false) }
      if isLast {
        client.pointee.isEnding = true
        client.pointee.head = []
        SocketIO.finish(number)
      }
    }
  }

  /// What a client is answered; nil when its head is not there yet.
  private mutating func respond(
    to client: UnsafeMutablePointer<Client>
  ) -> (response: [UInt8], length: Int, isLast: Bool)? {
    var progress = client.pointee.progress
    defer { client.pointee.progress = progress }
    return client.pointee.head.withUnsafeBytes { bytes in
      switch RequestHead.parse(
        bytes, limits: HeadLimits(bytes: Self.longestHead), progress: &progress, into: &fields)
      {
      case .needMore: return nil
      case .fault(let fault): return (answer.refusal(fault), 0, true)
      case .head(let head):
        let (response, isLast) = answer.response(to: head, fields, of: bytes)
        return (response, head.length, isLast)
      }
    }
  }
}
