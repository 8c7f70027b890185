import Base
import HTTPCore
import Reactor

/// One client of the server, and how far its request has come.
struct AdminConnection: ~Copyable {
  enum Phase {
    /// A request's head is read; between two requests, too.
    case head
    case body(AdminRoute, RequestBody)
    /// The control thread has been asked.
    case asking
    case writing
    /// Events are sent as they come.
    case streaming
    /// All is said, and the other side has not noticed yet.
    case lingering
  }

  let socket: Descriptor
  /// Who it is, as the log has it.
  let peer: String
  /// The address that it came to.
  let local: SocketAddress
  var phase = Phase.head
  /// What has come and is not taken yet: less than a head and a read's worth.
  var input: [UInt8] = []
  var progress = HeadProgress()
  /// The request that is being answered.
  var request: AdminRequest?
  /// What is to be sent, from `sent` on.
  var output: [UInt8] = []
  var sent = 0
  /// Once the output is through.
  var closes = false
  /// No request has come yet.
  var isFresh = true
  /// Of a stream: bytes that may wait to be taken.
  var mostPending = AdminLimits.backlog
  /// Of a stream: nothing of what waits has been taken since the last heartbeat.
  var isStalled = false
  var timer = Timer.none
  /// What its socket is watched for.
  var interest: Readiness = []

  init(_ socket: consuming Descriptor, peer: String, local: SocketAddress) {
    self.socket = socket
    self.peer = peer
    self.local = local
  }

  var pending: Int { output.count - sent }

  /// Adds to what is to be sent.
  mutating func send(_ bytes: [UInt8]) {
    if sent > 0 {
      output.removeFirst(sent)
      sent = 0
    }
    output += bytes
  }

  enum Progress { case done, blocked, broken }

  /// Sends what the kernel takes.
  mutating func flush() -> Progress {
    while sent < output.count {
      let transfer = output.withUnsafeBytes {
        SocketIO.send(socket.number, from: $0.baseAddress! + sent, count: $0.count - sent, more: false)
      }
      switch transfer {
      case .bytes(let count):
        sent += count
        isStalled = false
      case .blocked: return .blocked
      case .ended, .failed: return .broken
      }
    }
    output = []
    sent = 0
    return .done
  }

  /// What its socket is to be watched for as it stands.
  var wanted: Readiness {
    switch phase {
    case .head, .body, .lingering: .readable
    // Whoever has said all it wants to say still gets its answer.
    case .asking: []
    case .writing: .writable
    case .streaming: pending > 0 ? [.readable, .writable] : .readable
    }
  }
}
