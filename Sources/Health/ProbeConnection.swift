import Base
import Reactor

/// The connection of a check: does what the conversation asks for, and never waits.
struct ProbeConnection: ~Copyable {
  enum Progress {
    /// To be called again when something happens to the socket.
    case underway
    case passed
    case failed(ProbeCause)
    /// Another connection is needed, to begin anew.
    case startOver
  }

  private let socket: Descriptor
  private var conversation: Conversation
  private var isConnected: Bool
  private var outgoing: [UInt8] = []
  /// nil is in the clear.
  private var tls: ProbeTLS?
  /// The conversation is inside of TLS, and the handshake is not done yet.
  private var isShakingHands: Bool

  init(_ socket: consuming Descriptor, isConnected: Bool, probe: any Probe, tls: consuming ProbeTLS?) {
    self.socket = socket
    self.isConnected = isConnected
    conversation = Conversation(probe)
    isShakingHands = tls != nil
    self.tls = tls
  }

  var number: Int32 { socket.number }

  /// With what the conversation has taught it.
  var probe: any Probe { conversation.probe }

  /// Goes on as far as it can without waiting.
  mutating func advance() -> Progress {
    if !isConnected {
      if let error = SocketIO.takeError(of: socket.number, "connect") { return .failed(.connection(error)) }
      isConnected = true
      return begin()
    }
    return converse()
  }

  /// The connection stands: says what is to be said first.
  mutating func begin() -> Progress {
    if isShakingHands { return shakeHands() ?? converse() }
    return take(conversation.begin()) ?? converse()
  }

  /// Why it failed when its time is over.
  func timeOut(_ timeout: Duration) -> ProbeCause {
    if !isConnected { return .noConnection(within: timeout) }
    return isShakingHands ? .noHandshake(within: timeout) : conversation.timeOut(timeout)
  }

  private mutating func converse() -> Progress {
    while true {
      flush()
      // What is not the conversation's yet is bounded by one read.
      let room = isShakingHands ? Self.handshakeRoom : conversation.room
      let end = withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { buffer -> Progress? in
        guard let start = buffer.baseAddress else { return .underway }
        switch SocketIO.receive(socket.number, into: start, count: room) {
        case .bytes(let count): return receive(UnsafeRawBufferPointer(start: start, count: count))
        case .ended:
          if isShakingHands { return .failed(.handshake(ProbeTLS.cut)) }
          return take(conversation.end()) ?? .underway
        case .failed(let error):
          return isShakingHands ? .failed(.handshake(error)) : take(conversation.end(error)) ?? .underway
        case .blocked: return .underway
        }
      }
      if let end { return end }
    }
  }

  private static let handshakeRoom = 16_384

  /// - Returns: nil to read on.
  private mutating func receive(_ bytes: UnsafeRawBufferPointer) -> Progress? {
    guard tls != nil else { return take(conversation.receive(bytes)) }
    tls?.receive(bytes)
    if isShakingHands {
      if let end = shakeHands() { return end }
      if isShakingHands { return nil }
    }
    return listen()
  }

  /// - Returns: nil to go on.
  private mutating func shakeHands() -> Progress? {
    if let failure = tls?.handshake() {
      flush()
      return .failed(.handshake(failure))
    }
    guard tls?.isOpen == true else { return nil }
    isShakingHands = false
    return take(conversation.begin())
  }

  /// Hands on what has come inside of TLS.
  /// - Returns: nil to read on.
  private mutating func listen() -> Progress? {
    while let said = tls?.decrypt(atMost: conversation.room) {
      let end: Progress?
      switch said {
      case .nothing: return nil
      case .bytes(let bytes): end = take(conversation.receive(bytes))
      case .ended: end = take(conversation.end()) ?? .underway
      case .failed(let failure): end = .failed(.handshake(failure))
      }
      if let end { return end }
    }
    return nil
  }

  private mutating func take(_ step: Conversation.Step) -> Progress? {
    switch step {
    case .wait: return nil
    case .send(let bytes):
      say(bytes)
      return nil
    case .passed(let farewell):
      say(farewell)
      tls?.close()
      flush()
      return .passed
    case .failed(let cause): return .failed(cause)
    case .startOver: return .startOver
    }
  }

  private mutating func say(_ bytes: [UInt8]) {
    if tls == nil { outgoing = bytes } else { tls?.encrypt(bytes) }
  }

  /// A broken connection is what the next read tells, after the bytes that came before it broke.
  private mutating func flush() {
    if let bytes = tls?.takeOutgoing() { outgoing += bytes }
    while !outgoing.isEmpty {
      let result = outgoing.withUnsafeBytes { bytes in
        bytes.baseAddress.map { SocketIO.send(socket.number, from: $0, count: bytes.count, more: false) }
      }
      switch result {
      case .bytes(let count): outgoing.removeFirst(count)
      case .blocked: return
      case .ended, .failed, nil: outgoing = []
      }
    }
  }
}
