import CLinux
import Glibc

/// Connections over several paths at once (RFC 8684), where the kernel has them.
public enum MultipathTCP {
  /// Whether this kernel opens such sockets: it is built with them and `net.mptcp.enabled` is 1.
  public static var isAvailable: Bool {
    let number = open(AF_INET)
    if number < 0 { return false }
    _ = Descriptor(adopting: number)
    return true
  }

  /// A stream socket, as socket(2) returns it. One of TCP where the kernel refuses Multipath TCP.
  static func socket(_ family: Int32, multipath: Bool) -> Int32 {
    if multipath {
      let number = open(family)
      if number >= 0 { return number }
    }
    return Glibc.socket(family, Int32(SOCK_STREAM.rawValue) | nonBlockingCloseOnExec, 0)
  }

  private static func open(_ family: Int32) -> Int32 {
    Glibc.socket(family, Int32(SOCK_STREAM.rawValue) | nonBlockingCloseOnExec, protocolNumber)
  }

  /// IPPROTO_MPTCP: not in Glibc's headers of every version (linux/in.h).
  private static var protocolNumber: Int32 { 262 }
}
