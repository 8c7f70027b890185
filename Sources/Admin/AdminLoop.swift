import Base
import HTTPCore
import Reactor

/// The event loop of the server's thread: lets clients in, and leads each connection as far as its socket and the
/// answers that have come allow.
struct AdminLoop: ~Copyable {
  /// What the poller hands back.
  enum Token {
    case mailbox
    case entrance(Int)
    case connection(Handle)

    init(word: UInt64) {
      let slot = UInt32(truncatingIfNeeded: word) >> 2
      switch word & 3 {
      case 0: self = .connection(Handle(slot: slot, generation: UInt32(truncatingIfNeeded: word >> 32)))
      case 1: self = .entrance(Int(slot))
      default: self = .mailbox
      }
    }

    /// Generation in the high word; in the low one the slot (29 bits, `Slab.maximumCount`) and what it is.
    var word: UInt64 {
      switch self {
      case .connection(let handle): UInt64(handle.generation) << 32 | UInt64(handle.slot) << 2
      case .entrance(let index): UInt64(index) << 2 | 1
      case .mailbox: 2
      }
    }
  }

  private static var readSize: Int { 64 << 10 }
  /// After descriptors have run out.
  private static var acceptPause: Duration { .seconds(1) }

  let server: AdminServer
  private let poller: Poller
  private var settings = AdminSettings()
  var gatekeeper = Gatekeeper(AdminSettings())
  var connections = Slab<AdminConnection>(chunkSize: 16)
  private var timers: TimerWheel<Handle>
  var events = EventRing()
  /// Who waits for a status: the control thread is asked for one at a time, however many want it.
  var statusReaders: [Handle] = []
  /// Of the head that was read last.
  var fields = FieldTable()
  private let buffer: UnsafeMutableRawBufferPointer
  private var now: Instant
  private var isAccepting = false
  private var acceptAgain: Instant?
  private var isStopped = false

  init(_ server: AdminServer) throws(SystemError) {
    let poller = try Poller(capacity: 64)
    try poller.add(server.mailbox.descriptor, .readable, token: Token.mailbox.word)
    self.init(server, poller, now: Clock.now)
  }

  private init(_ server: AdminServer, _ poller: consuming Poller, now: Instant) {
    self.server = server
    self.poller = poller
    self.now = now
    timers = TimerWheel(now: now)
    buffer = .allocate(byteCount: Self.readSize, alignment: 16)
  }

  deinit { buffer.deallocate() }

  mutating func run() {
    while !isStopped {
      now = Clock.now
      let deadline = [timers.nextDeadline, acceptAgain].compactMap { $0 }.min()
      let count = poller.wait(timeout: Poller.timeout(until: deadline, now: now))
      now = Clock.now
      for index in 0..<count {
        let (word, readiness) = poller.event(at: index)
        switch Token(word: word) {
        case .mailbox: readMailbox()
        case .entrance(let entrance): accept(entrance)
        case .connection(let handle): ready(handle, readiness)
        }
      }
      while let handle = timers.popExpired(now: now) { timerFired(handle) }
      if let end = acceptAgain, end <= now {
        acceptAgain = nil
        watchEntrances()
      }
    }
  }

  private mutating func readMailbox() {
    for message in server.mailbox.take() {
      switch message {
      case .configure(let settings): configure(settings)
      case .answer(let ticket, let answer): deliver(ticket, answer)
      case .publish(let kind, let data): publish(events.append(kind, data))
      case .stop: isStopped = true
      }
    }
  }

  // MARK: Entrances

  private mutating func configure(_ new: AdminSettings) {
    if isAccepting { for entrance in settings.entrances { poller.remove(entrance.socket.number) } }
    isAccepting = false
    settings = new
    gatekeeper = Gatekeeper(new)
    for handle in connections.handles {
      guard let connection = connections.pointer(to: handle) else { continue }
      switch connection.pointee.phase {
      case .head, .streaming: close(handle)
      case .body, .asking, .writing, .lingering: connection.pointee.closes = true
      }
    }
    watchEntrances()
  }

  /// Accepts while there is room; else clients wait in the backlog.
  private mutating func watchEntrances() {
    let isWanted = connections.count < AdminLimits.connections && acceptAgain == nil
    if isWanted == isAccepting { return }
    isAccepting = isWanted
    for (index, entrance) in settings.entrances.enumerated() {
      if !isWanted {
        poller.remove(entrance.socket.number)
        continue
      }
      do throws(SystemError) {
        try poller.add(entrance.socket.number, .readable, token: Token.entrance(index).word)
      } catch {
        server.refuse("\(entrance.address) cannot be watched: \(error) in \(error.operation)")
      }
    }
  }

  private mutating func accept(_ index: Int) {
    guard isAccepting, index < settings.entrances.count else { return }
    let entrance = settings.entrances[index]
    while connections.count < AdminLimits.connections {
      switch Accepting.from(entrance.socket.number) {
      case .accepted(let socket, let address, let port): welcome(socket, address, port, entrance)
      case .nobody: return
      case .gone: continue
      case .exhausted(let error): return pause(error, entrance)
      case .failed(let error): return pause(error, entrance)
      }
    }
    watchEntrances()
  }

  private mutating func pause(_ error: SystemError, _ entrance: AdminSettings.Entrance) {
    server.refuse("\(entrance.address) lets nobody in for a second: \(error)")
    acceptAgain = now + Self.acceptPause
    watchEntrances()
  }

  private mutating func welcome(
    _ socket: consuming Descriptor, _ address: IPAddress?, _ port: UInt16, _ entrance: AdminSettings.Entrance
  ) {
    if let allow = settings.allow, let address, !allow.contains(address) {
      server.refuse("\(address) is not among admin.allow")
      return
    }
    let peer = address.map { "\(SocketAddress.ip($0, port: port))" } ?? "\(entrance.address)"
    let local = address == nil ? entrance.address : SocketIO.localAddress(of: socket.number) ?? entrance.address
    let number = socket.number
    let handle = connections.insert(AdminConnection(socket, peer: peer, local: local))
    guard let connection = connections.pointer(to: handle) else { return }
    do throws(SystemError) {
      try poller.add(number, .readable, token: Token.connection(handle).word)
      connection.pointee.interest = .readable
      setTimer(handle, connection, AdminLimits.request)
    } catch {
      close(handle)
    }
  }

  // MARK: Connections

  /// Closes a connection at once.
  mutating func close(_ handle: Handle) {
    guard let connection = connections.pointer(to: handle) else { return }
    timers.cancel(connection.pointee.timer)
    _ = connections.remove(handle)
    watchEntrances()
  }

  /// Closes a connection whose other side takes nothing, with all that the kernel keeps for it.
  mutating func cut(_ handle: Handle) {
    if let connection = connections.pointer(to: handle) { SocketIO.resetOnClose(connection.pointee.socket.number) }
    close(handle)
  }

  mutating func setTimer(
    _ handle: Handle, _ connection: UnsafeMutablePointer<AdminConnection>, _ duration: Duration
  ) {
    timers.cancel(connection.pointee.timer)
    connection.pointee.timer = timers.schedule(handle, at: now + duration)
  }

  private mutating func ready(_ handle: Handle, _ readiness: Readiness) {
    guard let connection = connections.pointer(to: handle) else { return }
    if !readiness.isDisjoint(with: [.hungUp, .error]) {
      close(handle)
      return
    }
    // What comes while an answer is under way stays in the kernel.
    let reads = readiness.contains(.readable) && connection.pointee.wanted.contains(.readable)
    if reads, !receive(handle, connection) { return }
    proceed(handle)
  }

  /// - Returns: false when the connection is closed.
  private mutating func receive(_ handle: Handle, _ connection: UnsafeMutablePointer<AdminConnection>) -> Bool {
    guard let start = buffer.baseAddress else { return false }
    switch SocketIO.receive(connection.pointee.socket.number, into: start, count: buffer.count) {
    case .blocked: return true
    case .ended, .failed:
      close(handle)
      return false
    case .bytes(let count):
      switch connection.pointee.phase {
      case .head, .body:
        if case .head = connection.pointee.phase, connection.pointee.input.isEmpty, !connection.pointee.isFresh {
          setTimer(handle, connection, AdminLimits.request)
        }
        connection.pointee.input += buffer[..<count]
      // Whoever reads events, or has been told that the end has come, has nothing to say any more.
      case .asking, .writing, .streaming, .lingering: break
      }
      return true
    }
  }

  /// Leads a connection on until it has to wait.
  mutating func proceed(_ handle: Handle) {
    while let connection = connections.pointer(to: handle), step(handle, connection) {}
    guard let connection = connections.pointer(to: handle) else { return }
    let wanted = connection.pointee.wanted
    if wanted == connection.pointee.interest { return }
    connection.pointee.interest = wanted
    do throws(SystemError) {
      try poller.change(connection.pointee.socket.number, wanted, token: Token.connection(handle).word)
    } catch {
      close(handle)
    }
  }
}
