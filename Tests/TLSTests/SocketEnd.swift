import Base
import Foundation

@testable import TLS

struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// How long a test waits for what should come at once. Long, because only a failing test waits to its end.
let patience: Int32 = 20_000

/// A socket that listens on loopback, at a port that the system chooses.
final class LoopbackListener {
  let descriptor: Int32
  let port: UInt16

  init() throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let isBound = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0 && listen(descriptor, 16) == 0
          && getsockname(descriptor, address, &length) == 0
      }
    }
    port = UInt16(bigEndian: address.sin_port)
    if !isBound { throw Failure("cannot listen on loopback: \(errno)") }
  }

  deinit { close(descriptor) }

  func accept() throws -> Int32 {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, patience) == 1 else { throw Failure("nobody connects") }
    return Foundation.accept(descriptor, nil, nil)
  }
}

/// An engine on a blocking socket.
final class SocketEnd {
  var engine: TLSEngine
  private let descriptor: Int32
  private var unread: [UInt8] = []
  private static let room = 64 << 10

  init(_ engine: consuming TLSEngine, on descriptor: Int32) {
    self.engine = engine
    self.descriptor = descriptor
  }

  convenience init(_ engine: consuming TLSEngine, connectingTo port: UInt16) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let isConnected = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    self.init(engine, on: descriptor)
    if !isConnected { throw Failure("cannot connect to port \(port): \(errno)") }
  }

  deinit { close(descriptor) }

  var session: TLSSession? { engine.session }

  func handshake() throws {
    while true {
      switch try use({ engine, wire in engine.handshake(&wire) }) {
      case .done: return
      case .needsInput: if try !receive() { throw engine.inputEnded() ?? .outOfMemory }
      case .needsOutput: continue
      case .failed(let failure): throw failure
      }
    }
  }

  func send(_ text: String) throws {
    let bytes = Array(text.utf8)
    let encryption = try use { engine, wire in bytes.withUnsafeBytes { engine.encrypt($0, &wire, now: .zero) } }
    guard encryption.state == .done else { throw Failure("\(encryption)") }
  }

  /// Up to the end of a line, or of the stream.
  func receiveLine() throws -> String {
    var line: [UInt8] = []
    while line.last != UInt8(ascii: "\n") {
      var state = TLSEngine.Decryption.State.ended
      line += try [UInt8](unsafeUninitializedCapacity: Self.room) { buffer, count in
        let decryption = try use { engine, wire in
          engine.decrypt(&wire, into: UnsafeMutableRawBufferPointer(buffer))
        }
        count = decryption.count
        state = decryption.state
      }
      switch state {
      case .needsInput:
        if line.last != UInt8(ascii: "\n"), try !receive() { throw engine.inputEnded() ?? .outOfMemory }
      case .full, .needsOutput: continue
      case .ended: return String(decoding: line, as: UTF8.self)
      case .failed(let failure): throw failure
      }
    }
    return String(decoding: line, as: UTF8.self)
  }

  func finish() throws {
    _ = try use { engine, wire in engine.close(&wire) }
    shutdown(descriptor, Int32(SHUT_WR))
  }

  private func use<Result>(_ body: (inout TLSEngine, inout TLSWire) -> Result) throws -> Result {
    var sent: [UInt8] = []
    let result = Link.use(&unread, &sent, .max, Self.room) { wire in body(&engine, &wire) }
    var position = 0
    while position < sent.count {
      let count = sent.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress! + position, sent.count - position, Int32(MSG_NOSIGNAL))
      }
      // Whoever has gone needs no alert.
      if count <= 0 { break }
      position += count
    }
    return result
  }

  /// - Returns: false at the end of the stream.
  private func receive() throws -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, patience) == 1 else { throw Failure("nothing comes") }
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count <= 0 { return false }
    unread += buffer[..<count]
    return true
  }
}
