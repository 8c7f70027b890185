/// TCP Fast Open as this machine is set up (ip-sysctl, net.ipv4.tcp_fastopen).
public struct FastOpen: Sendable {
  /// Data may go out with a SYN.
  public let forClients: Bool
  /// Data that comes with a SYN is taken.
  public let forServers: Bool

  /// - Parameter flags: the content of /proc/sys/net/ipv4/tcp_fastopen; nil where there is no such file.
  public init(flags: Int?) {
    forClients = (flags ?? 0) & 1 != 0
    forServers = (flags ?? 0) & 2 != 0
  }

  public static var ofThisMachine: FastOpen {
    let bytes = (try? Descriptor.contents(of: "/proc/sys/net/ipv4/tcp_fastopen", limit: 64)) ?? nil
    let digits = (bytes ?? []).prefix { (0x30...0x39).contains($0) }
    return FastOpen(flags: Int(String(decoding: digits, as: UTF8.self)))
  }
}
