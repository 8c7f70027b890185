import Base
import Foundation
import TLS

@testable import TCPProxy

/// One end of a connection, in the clear or with TLS, whose every wait has a limit. One thread may send while another
/// receives.
final class Peer: @unchecked Sendable {
  let descriptor: Int32
  private let lock = NSLock()
  private var engine = EngineState()
  private var isOpen = true

  private struct EngineState: ~Copyable {
    var tls = Box<TLSEngine>()
    /// Ciphertext that has come and was not used yet.
    var unread: [UInt8] = []
    var output = [UInt8](repeating: 0, count: TLSEngine.outputSize(for: 256 << 10))

    mutating func use<Value>(_ body: (inout TLSEngine, inout TLSWire) -> Value) -> (Value, [UInt8]) {
      let pointer = tls.pointer!
      var left = 0
      var sent: [UInt8] = []
      let value = unread.withUnsafeBytes { input in
        output.withUnsafeMutableBytes { output in
          var wire = TLSWire(input: input, output: output)
          let value = body(&pointer.pointee, &wire)
          left = wire.input.count
          sent = Array(wire.output)
          return value
        }
      }
      unread.removeFirst(unread.count - left)
      return (value, sent)
    }

    mutating func end() -> TLSFailure? { tls.pointer!.pointee.inputEnded() }

    mutating func decrypt() -> (TLSEngine.Decryption.State, [UInt8]) {
      var state = TLSEngine.Decryption.State.needsInput
      let plain = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
        let decryption = use { tls, wire in tls.decrypt(&wire, into: UnsafeMutableRawBufferPointer(buffer)) }.0
        count = decryption.count
        state = decryption.state
      }
      return (state, plain)
    }
  }

  /// How a stream came to its end.
  enum End: Equatable {
    /// FIN; with TLS, behind a close_notify.
    case finished
    /// FIN without close_notify.
    case cut
    case reset
    case failed(TLSFailure)
  }

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  }

  convenience init(connectingTo port: UInt16, receiveBuffer: Int32? = nil) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let isConnected = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    let error = errno
    self.init(descriptor)
    if !isConnected { throw Failure("cannot connect to port \(port): \(error)") }
  }

  /// Connects to a unix socket.
  convenience init(connectingTo path: String) throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let isConnected = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    let error = errno
    self.init(descriptor)
    if !isConnected { throw Failure("cannot connect to \(path): \(error)") }
  }

  deinit { close() }

  func close() {
    if isOpen { _ = Foundation.close(descriptor) }
    isOpen = false
  }

  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  // MARK: TLS

  /// Begins TLS, without a handshake.
  func start(_ new: consuming TLSEngine) { engine.tls = Box(new) }

  /// What the engine knows.
  func ask<Value: Sendable>(_ question: (borrowing TLSEngine) -> Value) -> Value {
    lock.withLock { question(engine.tls.pointer!.pointee) }
  }

  /// One step with what has come; what is to be sent is returned, not sent.
  func step() -> (TLSEngine.HandshakeStep, [UInt8]) {
    lock.withLock { engine.use { tls, wire in tls.handshake(&wire) } }
  }

  /// Takes bytes for those that come next.
  func take(_ bytes: [UInt8]) { engine.unread += bytes }

  /// - Parameter portion: bytes that are sent at a time.
  func handshake(portion: Int = .max) throws {
    while true {
      let (step, output) = step()
      var rest = output[...]
      while !rest.isEmpty {
        try sendRaw(Array(rest.prefix(portion)))
        rest = rest.dropFirst(portion)
      }
      switch step {
      case .done: return
      case .needsOutput: continue
      case .failed(let failure): throw failure
      case .needsInput:
        let bytes = try receiveRaw()
        if bytes.isEmpty { throw Failure("the other side closed within the handshake") }
        engine.unread += bytes
      }
    }
  }

  /// What would be sent for these bytes.
  func encrypt(_ bytes: [UInt8]) -> [UInt8] {
    lock.withLock {
      engine.use { tls, wire in
        let encryption = bytes.withUnsafeBytes { tls.encrypt($0, &wire, now: .zero) }
        precondition(encryption.state == .done, "\(encryption)")
      }.1
    }
  }

  func closeNotify() -> [UInt8] {
    lock.withLock { engine.use { tls, wire in _ = tls.close(&wire) }.1 }
  }

  private var isSecure: Bool { !engine.tls.isEmpty }

  // MARK: Bytes

  func send(_ bytes: [UInt8]) throws {
    guard isSecure else { return try sendRaw(bytes) }
    for start in stride(from: 0, to: bytes.count, by: 256 << 10) {
      try sendRaw(encrypt(Array(bytes[start..<min(start + 256 << 10, bytes.count)])))
    }
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  /// close_notify where there is TLS, and FIN.
  func finish() throws {
    if isSecure { try sendRaw(closeNotify()) }
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// FIN alone.
  func cut() { shutdown(descriptor, Int32(SHUT_WR)) }

  func sendRaw(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        sent += count
      } else if errno == EAGAIN {
        try wait(POLLOUT)
      } else {
        throw Failure("send failed: \(errno)")
      }
    }
  }

  /// What has come, as it came; nothing at the end of the stream.
  func receiveRaw() throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count >= 0 { return Array(buffer[..<count]) }
      if errno == EAGAIN { try wait(POLLIN) } else { throw Reset() }
    }
  }

  struct Reset: Error {}

  /// Reads to the end, whatever it is.
  func drain() throws -> [UInt8] {
    var all: [UInt8] = []
    do {
      while case let bytes = try receiveRaw(), !bytes.isEmpty { all += bytes }
    } catch is Reset {}
    return all
  }

  /// Some bytes, or the end.
  func receiveSome() throws -> (bytes: [UInt8], end: End?) {
    while true {
      if isSecure {
        let (decryption, plain) = lock.withLock { engine.decrypt() }
        switch decryption {
        case .ended: return (plain, .finished)
        case .failed(let failure): return (plain, .failed(failure))
        case .full, .needsInput, .needsOutput: if !plain.isEmpty { return (plain, nil) }
        }
      }
      let bytes: [UInt8]
      do { bytes = try receiveRaw() } catch is Reset { return ([], .reset) }
      if !isSecure { return (bytes, bytes.isEmpty ? .finished : nil) }
      if bytes.isEmpty { return ([], lock.withLock { engine.end() } == nil ? .finished : .cut) }
      lock.withLock { engine.unread += bytes }
    }
  }

  private var ahead: [UInt8] = []

  /// Exactly so many bytes.
  func receive(_ count: Int) throws -> [UInt8] {
    while ahead.count < count {
      let (bytes, end) = try receiveSome()
      ahead += bytes
      if let end, ahead.count < count { throw Failure("the stream ended (\(end)) after \(ahead.count) bytes") }
    }
    defer { ahead.removeFirst(count) }
    return Array(ahead[..<count])
  }

  func receiveText(_ count: Int) throws -> String { String(decoding: try receive(count), as: UTF8.self) }

  /// Shakes hands as a server and says something in the clear meanwhile: at once (0), instead of an answer (1), in the
  /// middle of one (2) or right behind it (3).
  func blurt(_ words: [UInt8], at step: Int, _ engine: consuming TLSEngine) throws {
    start(engine)
    if step == 0 { try sendRaw(words) }
    let hello = try receiveRaw()
    if step == 1 { try sendRaw(words) }
    take(hello)
    let (_, output) = self.step()
    let first = step == 3 ? output.count : 5 + Int(output[3]) << 8 + Int(output[4])
    try sendRaw(Array(output[..<first]) + words + Array(output[first...]))
    _ = try drain()
  }

  /// Everything, and how it ended.
  func receiveAll() throws -> (bytes: [UInt8], end: End) {
    var all = ahead
    ahead = []
    while true {
      let (bytes, end) = try receiveSome()
      all += bytes
      if let end { return (all, end) }
    }
  }

  /// How it ends, when nothing more comes before.
  func end() throws -> End {
    let (bytes, end) = try receiveAll()
    if !bytes.isEmpty { throw Failure("the end was expected, not \(bytes.count) bytes: \(bytes.prefix(64))") }
    return end
  }

  /// Whether something has come that can be read.
  var isReadable: Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) == 1
  }

  private func wait(_ events: Int32) throws {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    if poll(&entry, 1, patience) == 0 { throw Failure("nothing happens on the connection") }
  }
}
