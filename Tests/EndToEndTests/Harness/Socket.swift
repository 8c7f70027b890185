import Foundation

struct SystemFailure: Error, CustomStringConvertible {
  let call: String
  let number: Int32

  init(_ call: String, _ number: Int32 = errno) {
    self.call = call
    self.number = number
  }

  var description: String { "\(call): \(String(cString: strerror(number)))" }
}

/// A stream socket whose every call has a limit.
final class Socket: @unchecked Sendable {
  let descriptor: Int32
  private let isOpen = Locked(true)

  /// Takes over a connected socket.
  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    // No program that a test starts keeps it open.
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var one: Int32 = 1
    // Fails on a unix socket, which needs it not.
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
  }

  /// - Parameter receiveBuffer: bytes for SO_RCVBUF, set before the connection stands, so that the window stays small.
  convenience init(
    connectingTo address: Address, receiveBuffer: Int32? = nil, within limit: Duration = patience
  ) throws {
    let descriptor = try address.makeSocket()
    self.init(descriptor)
    if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
    try connect(to: address, within: limit)
  }

  /// Connects a fresh socket.
  func connect(to address: Address, within limit: Duration) throws {
    if address.withSockaddr({ Foundation.connect(descriptor, $0, $1) }) == 0 { return }
    guard errno == EINPROGRESS else { throw SystemFailure("connect to \(address)") }
    try wait(for: POLLOUT, "connect to \(address)", Deadline(in: limit))
    var error: Int32 = 0
    var length = socklen_t(4)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
    guard error == 0 else { throw SystemFailure("connect to \(address)", error) }
  }

  deinit { close() }

  func close() {
    isOpen.withLock { isOpen in
      if isOpen { _ = Foundation.close(descriptor) }
      isOpen = false
    }
  }

  /// Closes with RST instead of FIN.
  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  /// Sends RST and stays open for nobody, so that a thread that still uses it does not find another's descriptor under
  /// the same number (connect(2), AF_UNSPEC).
  func abort() {
    var nowhere = sockaddr()
    nowhere.sa_family = sa_family_t(AF_UNSPEC)
    _ = Foundation.connect(descriptor, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
  }

  /// Sends FIN; what comes can still be received.
  func finishSending() throws {
    guard shutdown(descriptor, Int32(SHUT_WR)) == 0 else { throw SystemFailure("shutdown") }
  }

  /// Wakes whoever waits on this socket in another thread.
  func interrupt() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

  func send(_ text: String, within limit: Duration = patience) throws {
    try send(Array(text.utf8), within: limit)
  }

  func send(_ bytes: [UInt8], within limit: Duration = patience) throws {
    let deadline = Deadline(in: limit)
    var sent = 0
    while sent < bytes.count {
      sent += try bytes.withUnsafeBytes { try sendSome(UnsafeRawBufferPointer(rebasing: $0[sent...]), deadline) }
    }
  }

  /// Sends what the kernel takes now, at least a byte.
  func sendSome(_ bytes: UnsafeRawBufferPointer, _ deadline: Deadline) throws -> Int {
    while true {
      let count = Foundation.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if count >= 0 { return count }
      guard errno == EAGAIN else { throw SystemFailure("send") }
      try wait(for: POLLOUT, "send", deadline)
    }
  }

  /// Receives what is there, at least a byte; nothing at the end of the stream.
  func receiveSome(_ buffer: UnsafeMutableRawBufferPointer, _ deadline: Deadline) throws -> Int {
    while true {
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count >= 0 { return count }
      guard errno == EAGAIN else { throw SystemFailure("receive") }
      try wait(for: POLLIN, "receive", deadline)
    }
  }

  /// Exactly `count` bytes; fewer only at the end of the stream.
  func receive(_ count: Int, within limit: Duration = patience) throws -> [UInt8] {
    let deadline = Deadline(in: limit)
    var received = 0
    var bytes = [UInt8](repeating: 0, count: count)
    while received < count {
      let more = try bytes.withUnsafeMutableBytes {
        try receiveSome(UnsafeMutableRawBufferPointer(rebasing: $0[received...]), deadline)
      }
      if more == 0 { break }
      received += more
    }
    return Array(bytes[..<received])
  }

  /// Everything up to the end of the stream.
  func receiveAll(within limit: Duration = patience) throws -> [UInt8] {
    let deadline = Deadline(in: limit)
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try receiveSome($0, deadline) }
      if count == 0 { return all }
      all += buffer[..<count]
    }
  }

  /// One line without its end; nil when the stream ended before it.
  func receiveLine(within limit: Duration = patience) throws -> String? {
    let deadline = Deadline(in: limit)
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while true {
      let count = try withUnsafeMutableBytes(of: &byte) { try receiveSome($0, deadline) }
      if count == 0 { return nil }
      if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
  }

  /// How the stream ended: with FIN, or with RST; throws when bytes come or nothing does.
  enum End { case finished, reset }

  func waitForEnd(within limit: Duration = patience) throws -> End {
    do {
      let bytes = try receive(1, within: limit)
      guard bytes.isEmpty else { throw Failure("the end of a stream expected, found \(bytes)") }
      return .finished
    } catch let failure as SystemFailure where failure.number == ECONNRESET || failure.number == EPIPE {
      return .reset
    }
  }

  private func wait(for events: Int32, _ call: String, _ deadline: Deadline) throws {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    while true {
      let ready = poll(&entry, 1, deadline.milliseconds)
      if ready > 0 { return }
      if ready == 0 { throw Failure("\(call): nothing happened within the limit") }
      guard errno == EINTR else { throw SystemFailure("poll") }
    }
  }
}

/// A bound socket that others connect to.
final class ListeningSocket: @unchecked Sendable {
  let descriptor: Int32
  let address: Address
  private let isOpen = Locked(true)

  init(at address: Address, backlog: Int32 = 1024) throws {
    self.address = address
    descriptor = try address.makeSocket()
    var one: Int32 = 1
    // A port whose last connections are in TIME_WAIT can be listened on again.
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
    if case .unix(let path) = address { unlink(path) }
    if address.family == AF_INET6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4) }
    guard address.withSockaddr({ bind(descriptor, $0, $1) }) == 0, listen(descriptor, backlog) == 0 else {
      // Everything is set by now, so this runs `deinit`, which closes.
      throw SystemFailure("listen on \(address)")
    }
  }

  /// Waits for a connection; nil when another thread has called `interrupt`.
  func accept() -> Socket? {
    while true {
      let connection = Foundation.accept(descriptor, nil, nil)
      if connection >= 0 { return Socket(connection) }
      guard errno == EINTR || errno == ECONNABORTED else { return nil }
    }
  }

  /// Refuses what comes from now on, and wakes `accept`.
  func interrupt() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

  deinit { close() }

  func close() {
    isOpen.withLock { isOpen in
      if isOpen { _ = Foundation.close(descriptor) }
      isOpen = false
    }
  }
}
