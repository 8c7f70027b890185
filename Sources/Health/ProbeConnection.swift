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

  init(_ socket: consuming Descriptor, isConnected: Bool, probe: any Probe) {
    self.socket = socket
    self.isConnected = isConnected
    conversation = Conversation(probe)
  }

  var number: Int32 { socket.number }

  /// With what the conversation has taught it.
  var probe: any Probe { conversation.probe }

  /// Goes on as far as it can without waiting.
  mutating func advance() -> Progress {
    if !isConnected {
      if let error = SocketIO.takeError(of: socket.number, "connect") { return .failed(.connection(error)) }
      isConnected = true
      if let end = take(conversation.begin()) { return end }
    }
    return converse()
  }

  /// The connection stood from the start: says what is to be said first.
  mutating func begin() -> Progress {
    take(conversation.begin()) ?? converse()
  }

  /// Why it failed when its time is over.
  func timeOut(_ timeout: Duration) -> ProbeCause {
    isConnected ? conversation.timeOut(timeout) : .noConnection(within: timeout)
  }

  private mutating func converse() -> Progress {
    while true {
      flush()
      let room = conversation.room
      let step = withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { buffer -> Conversation.Step? in
        guard let start = buffer.baseAddress else { return nil }
        switch SocketIO.receive(socket.number, into: start, count: room) {
        case .bytes(let count): return conversation.receive(UnsafeRawBufferPointer(start: start, count: count))
        case .ended: return conversation.end()
        case .failed(let error): return conversation.end(error)
        case .blocked: return nil
        }
      }
      guard let step else { return .underway }
      if let end = take(step) { return end }
    }
  }

  private mutating func take(_ step: Conversation.Step) -> Progress? {
    switch step {
    case .wait: return nil
    case .send(let bytes):
      outgoing = bytes
      return nil
    case .passed(let farewell):
      outgoing = farewell
      flush()
      return .passed
    case .failed(let cause): return .failed(cause)
    case .startOver: return .startOver
    }
  }

  /// A broken connection is what the next read tells, after the bytes that came before it broke.
  private mutating func flush() {
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
