import Base
import Glibc
import Reactor
import Testing

/// Something that had to happen did not within the limit.
struct TooLate: Error, CustomStringConvertible {
  let description: String
}

/// One end of a connection in the hands of a test: every wait has a limit, errors end the test.
final class End {
  let number: Int32
  /// Where the other end has connected from, at a server.
  let peer: IPAddress?
  private var descriptor: Descriptor

  init(_ descriptor: consuming Descriptor, peer: IPAddress? = nil) {
    self.peer = peer
    number = descriptor.number
    self.descriptor = descriptor
  }

  /// Connects as a client does.
  convenience init(connectingTo address: SocketAddress) throws {
    switch Connecting.to(address) {
    case .connected(let descriptor): self.init(descriptor)
    case .underway(let descriptor):
      self.init(descriptor)
      guard wait(for: POLLOUT), SocketIO.takeError(of: number, "connect") == nil else {
        throw TooLate(description: "no connection to \(address)")
      }
    case .failed(let error): throw error
    }
  }

  /// Whether it is ready within the limit; 0 milliseconds only look.
  func wait(for events: Int32, milliseconds: Int32 = 10_000) -> Bool {
    var look = pollfd(fd: number, events: Int16(events), revents: 0)
    return poll(&look, 1, milliseconds) == 1
  }

  func send(_ text: String, more: Bool = false) throws {
    let bytes = Array(text.utf8)
    guard SocketIO.send(number, from: bytes, count: bytes.count, more: more) == .bytes(bytes.count) else {
      throw SystemError.last("send")
    }
  }

  /// What comes next; empty at the end, be it by a reset.
  func receive() throws -> String {
    guard wait(for: POLLIN) else { throw TooLate(description: "nothing came") }
    var bytes = [UInt8](repeating: 0, count: 4096)
    switch SocketIO.receive(number, into: &bytes, count: bytes.count) {
    case .bytes(let count): return String(decoding: bytes[..<count], as: UTF8.self)
    case .ended, .failed: return ""
    case .blocked: throw TooLate(description: "nothing came")
    }
  }

  /// With FIN at once: a program that another test starts has every descriptor until it is executed.
  func close() {
    if descriptor.isOpen { _ = shutdown(number, Int32(SHUT_RDWR)) }
    descriptor.close()
  }

  /// With RST at once (connect(2), AF_UNSPEC).
  func reset() {
    var nowhere = sockaddr()
    nowhere.sa_family = sa_family_t(AF_UNSPEC)
    _ = connect(number, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
    descriptor.close()
  }
}

/// A backend whose every move the test makes, so that it knows what happened before what.
final class HandServer {
  let address: SocketAddress
  private let listener: SharedDescriptor

  init(_ address: SocketAddress = .ip(.loopbackIPv4, port: 0)) throws {
    listener = try ListeningSocket.open(address, count: 1, backlog: 1024)[0]
    self.address = SocketIO.localAddress(of: listener.number) ?? address
  }

  deinit { _ = shutdown(listener.number, Int32(SHUT_RDWR)) }

  /// Everybody who waits.
  func acceptAll() -> [End] {
    var ends: [End] = []
    while case .accepted(let descriptor, let peer, _) = Accepting.from(listener.number) {
      ends.append(End(descriptor, peer: peer))
    }
    return ends
  }

  /// The one of its ends to which a client says `text`; whoever connects meanwhile joins them.
  func hear(_ text: String, at ends: inout [End]) throws -> End {
    let limit = Clock.now.later(10_000_000_000)
    while Clock.now < limit {
      ends += acceptAll()
      guard let end = ends.first(where: { $0.wait(for: POLLIN, milliseconds: 0) }) else {
        sched_yield()
        continue
      }
      let said = try end.receive()
      if said == text { return end }
      throw TooLate(description: "\(said) came instead of \(text)")
    }
    throw TooLate(description: "nobody said \(text)")
  }

  /// As many as come until there are `count`, at least.
  func accept(_ count: Int) throws -> [End] {
    var ends = acceptAll()
    while ends.count < count {
      var look = pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0)
      guard poll(&look, 1, 10_000) == 1 else {
        throw TooLate(description: "\(ends.count) connections came instead of \(count)")
      }
      ends += acceptAll()
    }
    return ends
  }
}
