import Base
import CLinux
import Glibc

/// Sockets whose local address is not this machine's (ip(7), IP_TRANSPARENT).
public enum TransparentSockets {
  /// Whether this process may have them: it has CAP_NET_ADMIN or CAP_NET_RAW.
  public static var arePermitted: Bool {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | nonBlockingCloseOnExec, 0)
    if number < 0 { return false }
    let descriptor = Descriptor(adopting: number)
    return allow(descriptor.number, .loopbackIPv4) == nil
  }

  /// Lets a socket have a foreign address of the family of `local`.
  static func allow(_ socket: Int32, _ local: IPAddress) -> SystemError? {
    var one: Int32 = 1
    let status =
      local.isIPv4
      ? setsockopt(socket, Int32(IPPROTO_IP), IP_TRANSPARENT, &one, 4)
      : setsockopt(socket, Int32(IPPROTO_IPV6), ipv6Transparent, &one, 4)
    return status == 0 ? nil : .last("setsockopt")
  }

  /// Not in Glibc's headers of every version (linux/in6.h).
  private static var ipv6Transparent: Int32 { 75 }
}
