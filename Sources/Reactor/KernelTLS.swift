import CLinux
import Glibc

/// TLS records made by the kernel (linux/tls.h, kernel TLS): what is sent on a socket is encrypted on its way. Reading is
/// left as it is.
public enum KernelTLS {
  /// Why it is not to be had here, for an operator; nil when it is. Found out once.
  ///
  /// A socket without a peer is asked for it: ENOTCONN is the answer of a kernel that only misses the peer. A kernel loads
  /// the module only for who has CAP_NET_ADMIN.
  public static let obstacle: String? = {
    let opened = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | nonBlockingCloseOnExec, 0)
    if opened < 0 { return "\(SystemError.last("socket"))" }
    let probe = Descriptor(adopting: opened)
    if let error = attach(probe.number), error.number != ENOTCONN {
      let remedy = error.number == ENOENT ? "; where it is a module: modprobe tls" : ""
      return "not in this kernel (TCP_ULP: \(error)\(remedy))"
    }
    // With less than all of a buffer in use, `SendRoom` would not tell what the kernel still holds back.
    let limit = number(in: "/proc/sys/net/ipv4/tcp_notsent_lowat")
    return limit.map { $0 < UInt32.max } == true ? "not with net.ipv4.tcp_notsent_lowat" : nil
  }()

  private static func number(in file: String) -> UInt32? {
    let bytes = (try? Descriptor.contents(of: file, limit: 64)) ?? nil
    return UInt32(String(decoding: (bytes ?? []).prefix { (0x30...0x39).contains($0) }, as: UTF8.self))
  }

  /// A small send buffer is not worth it: see `SendRoom`.
  public static let leastSendBuffer = 192 << 10

  /// Encrypts from now on what is sent.
  /// - Parameter keys: a `struct tls12_crypto_info_…`.
  /// - Returns: false when it is not to be had; then everything is as before.
  public static func start(_ socket: Int32, keys: UnsafeRawBufferPointer) -> Bool {
    guard let room = SendRoom(of: socket), room.size >= leastSendBuffer, attach(socket) == nil else { return false }
    // Should this fail, the socket sends in the clear as before.
    return setsockopt(socket, Int32(linux_sol_tls), TLS_TX, keys.baseAddress, socklen_t(keys.count)) == 0
  }

  private static func attach(_ socket: Int32) -> SystemError? {
    let failed = "tls".withCString { setsockopt(socket, Int32(IPPROTO_TCP), Int32(linux_tcp_ulp), $0, 3) != 0 }
    return failed ? .last("TCP_ULP") : nil
  }

  /// Sends an alert in a record of its own kind (TLS_SET_RECORD_TYPE).
  public static func send(_ socket: Int32, alert: (UInt8, UInt8)) -> Transfer {
    let sent = uninterrupted { linux_send_tls_alert(socket, alert.0, alert.1) }
    if sent >= 0 { return .bytes(sent) }
    let number = errno
    return number == EAGAIN ? .blocked : .failed(SystemError("sendmsg", number))
  }
}

/// How full the send buffer of a socket is (SO_MEMINFO, socket(7)).
public struct SendRoom {
  /// The buffer, in bytes of memory.
  public let size: Int
  public let free: Int

  public init?(of socket: Int32) {
    var counts = InlineArray<9, UInt32>(repeating: 0)
    var length = socklen_t(MemoryLayout<InlineArray<9, UInt32>>.size)
    guard getsockopt(socket, SOL_SOCKET, Int32(linux_so_meminfo), &counts, &length) == 0 else { return nil }
    size = Int(counts[Int(linux_sk_meminfo_sndbuf)])
    free = size - Int(counts[Int(linux_sk_meminfo_wmem_queued)])
  }

  /// Whether all that the kernel has encrypted is in the buffer, or goes in with whatever is sent next.
  ///
  /// It makes a record of everything it takes, at most 16 KiB, and what of that does not fit stays outside of the buffer
  /// until there is room. An end (FIN) or a close overtakes it there: it would be lost. Where there is room for more than a
  /// record, nothing is outside any more once something was sent. In a small buffer a third must do: from there on the
  /// kernel reports it as writable.
  public var takesAll: Bool { free >= min(64 << 10, size / 3) }
}
