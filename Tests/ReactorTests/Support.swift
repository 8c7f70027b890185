import Base
import Glibc

@testable import Reactor

/// A loopback address with a port that was free a moment ago.
///
/// Found without listening: a program that another test starts has every descriptor until it is executed, and an
/// address that is listened on cannot be had again (SO_REUSEADDR, socket(7)).
func freeAddress(_ ip: IPAddress = .loopbackIPv4) throws -> SocketAddress {
  let number = socket(ip.isIPv4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  if number < 0 { throw SystemError.last("socket") }
  let socket = Descriptor(adopting: number)
  var yes: Int32 = 1
  setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
  var raw = RawAddress(.ip(ip, port: 0))
  guard raw.withSockaddr({ bind(number, $0, $1) }) == 0, raw.withMutableSockaddr({ getsockname(number, $0, $1) }) == 0,
    let address = raw.address
  else { throw SystemError.last("bind") }
  _ = consume socket
  return address
}

/// How many descriptors of this process are open on `path`. Other tests run at the same time and open their own.
func openDescriptors(on path: String) -> Int {
  (0..<4096).count { number in
    var buffer = [UInt8](repeating: 0, count: 512)
    let length = buffer.withUnsafeMutableBytes {
      readlink("/proc/self/fd/\(number)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return length > 0 && String(decoding: buffer[..<length], as: UTF8.self) == path
  }
}

/// Accepts one client, waiting for it for five seconds at most.
func acceptOne(_ listener: SharedDescriptor) throws -> Descriptor {
  var wait = pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0)
  guard poll(&wait, 1, 5000) == 1, case .accepted(let client, _, _) = Accepting.from(listener.number) else {
    throw SystemError("accept", ETIMEDOUT)
  }
  return client
}

/// A socket that is connected to `address`, or on its way there.
func connectingSocket(to address: SocketAddress) throws -> Descriptor {
  switch Connecting.to(address) {
  case .connected(let descriptor): return descriptor
  case .underway(let descriptor): return descriptor
  case .failed(let error): throw error
  }
}
