import Base
import CLinux
import Glibc

/// Sockets that listen on one address, one for each worker where the kernel can share them out (socket(7),
/// SO_REUSEPORT).
public enum ListeningSocket {
  /// Why an address could not be taken.
  public struct Failure: Error, CustomStringConvertible {
    public let address: SocketAddress
    public let error: SystemError

    public var description: String {
      switch error.number {
      case EADDRINUSE: "\(address) is taken by another socket (EADDRINUSE); `ss -ltnp` or `ss -lxp` shows by whom"
      case EACCES:
        "no permission to listen on \(address) (EACCES); ports below 1024 need root or CAP_NET_BIND_SERVICE"
      case EADDRNOTAVAIL: "this machine has no such address: \(address) (EADDRNOTAVAIL)"
      default: "cannot listen on \(address): \(error) in \(error.operation)"
      }
    }
  }

  /// Opens `count` sockets on `address`; for a unix socket it is always one, to be shared.
  ///
  /// The first is bound without SO_REUSEPORT, so that an address which somebody else holds is refused even when
  /// that somebody would share it: two load balancers on one port by mistake would each get half of the clients.
  ///
  /// - Parameters:
  ///   - multipath: Multipath TCP where the kernel has it (RFC 8684), else TCP; clients without it come as ever.
  ///   - isPrivate: only this process's user and group may connect to a unix socket, whatever the umask.
  public static func open(
    _ address: SocketAddress, count: Int, backlog: Int, multipath: Bool = false, isPrivate: Bool = false
  ) throws(Failure) -> [SharedDescriptor] {
    do throws(SystemError) {
      if case .unix(let path) = address {
        return [SharedDescriptor(try openUnix(path, address, backlog, isPrivate: isPrivate))]
      }
      var sockets: [SharedDescriptor] = []
      for index in 0..<max(1, count) {
        sockets.append(SharedDescriptor(try openIP(address, sharing: index > 0, backlog, multipath)))
      }
      return sockets
    } catch {
      throw Failure(address: address, error: error)
    }
  }

  private static func openIP(
    _ address: SocketAddress, sharing: Bool, _ backlog: Int, _ multipath: Bool
  ) throws(SystemError) -> Descriptor {
    let number = MultipathTCP.socket(address.family, multipath: multipath)
    if number < 0 { throw .last("socket") }
    let descriptor = Descriptor(adopting: number)
    setOption(number, SOL_SOCKET, SO_REUSEADDR, 1)
    if sharing { setOption(number, SOL_SOCKET, SO_REUSEPORT, 1) }
    if case .ip(let ip, _) = address, !ip.isIPv4 {
      // `:8080` takes IPv4 too; a given IPv6 address is that address alone.
      setOption(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, ip == .anyIPv6 ? 0 : 1)
    }
    // Accepted sockets inherit it.
    setOption(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    let raw = RawAddress(address)
    if raw.withSockaddr({ bind(number, $0, $1) }) != 0 { throw .last("bind") }
    if !sharing { setOption(number, SOL_SOCKET, SO_REUSEPORT, 1) }
    if Glibc.listen(number, Int32(clamping: backlog)) != 0 { throw .last("listen") }
    return descriptor
  }

  private static func openUnix(
    _ path: String, _ address: SocketAddress, _ backlog: Int, isPrivate: Bool
  ) throws(SystemError) -> Descriptor {
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | nonBlockingCloseOnExec, 0)
    if number < 0 { throw .last("socket") }
    let descriptor = Descriptor(adopting: number)
    let raw = RawAddress(address)
    if raw.withSockaddr({ bind(number, $0, $1) }) != 0 {
      let error = SystemError.last("bind")
      // The file of a process that ended without removing it: nobody answers there. Anything else is left alone.
      guard error.number == EADDRINUSE, isStale(path, raw) else { throw error }
      unlink(path)
      if raw.withSockaddr({ bind(number, $0, $1) }) != 0 { throw .last("bind") }
    }
    // Before anybody can connect.
    if isPrivate, chmod(path, 0o660) != 0 { throw .last("chmod") }
    if Glibc.listen(number, Int32(clamping: backlog)) != 0 { throw .last("listen") }
    return descriptor
  }

  private static func isStale(_ path: String, _ raw: RawAddress) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return false }
    let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | nonBlockingCloseOnExec, 0)
    if number < 0 { return false }
    let probe = Descriptor(adopting: number)
    return raw.withSockaddr { connect(probe.number, $0, $1) } != 0 && errno == ECONNREFUSED
  }

  /// Removes the file of a unix socket, if it still is one.
  public static func removeFile(of address: SocketAddress) {
    guard case .unix(let path) = address else { return }
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
  }

  /// Whether this kernel can open IPv6 sockets at all.
  public static let hasIPv6: Bool = {
    let number = socket(AF_INET6, Int32(SOCK_STREAM.rawValue) | nonBlockingCloseOnExec, 0)
    if number < 0 { return false }
    _ = Descriptor(adopting: number)
    return true
  }()
}

/// A descriptor that several threads may hold: closed when the last one lets go.
public final class SharedDescriptor: Sendable {
  private let descriptor: Descriptor

  public init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  /// Valid for as long as the object is held.
  public var number: Int32 { descriptor.number }
}
