import Base
import CLinux
import Glibc

/// Listening sockets that the process which started this one has opened for it (sd_listen_fds(3): LISTEN_FDS,
/// LISTEN_PID, LISTEN_FDNAMES).
public struct InheritedSockets: Sendable {
  public struct Entry: Sendable {
    public let socket: SharedDescriptor
    /// From LISTEN_FDNAMES; nil when it is not given.
    public let name: String?
    public let address: SocketAddress?
  }

  /// The first descriptor that is passed (SD_LISTEN_FDS_START).
  static let firstNumber: Int32 = 3
  /// More than any unit passes; keeps a mistyped count from looping for long.
  static let most = 1024

  public private(set) var entries: [Entry] = []

  public static let none = InheritedSockets()

  private init() {}

  /// Takes over the sockets that are meant for this process. Descriptors that do not listen are left alone and named
  /// in `warnings`.
  public init(environment: (String) -> String?, warnings: inout [String]) {
    guard let countText = environment("LISTEN_FDS") else { return }
    guard let process = environment("LISTEN_PID").flatMap({ Int32($0) }), process == getpid() else { return }
    guard let count = Int(countText), count >= 0, count <= Self.most else {
      warnings.append(
        "LISTEN_FDS is \"\(countText)\": a count of at most \(Self.most) expected; no socket is inherited")
      return
    }
    let names = environment("LISTEN_FDNAMES")?.split(separator: ":", omittingEmptySubsequences: false) ?? []
    for offset in 0..<count {
      let number = Self.firstNumber + Int32(offset)
      guard Self.listens(number) else {
        warnings.append("inherited descriptor \(number) is no listening stream socket; it is not used")
        continue
      }
      _ = linux_fcntl_close_on_exec(number)
      _ = linux_fcntl_set_flags(number, linux_fcntl_get_flags(number) | O_NONBLOCK)
      setOption(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
      var raw = RawAddress()
      let named = raw.withMutableSockaddr { getsockname(number, $0, $1) } == 0
      entries.append(
        Entry(
          socket: SharedDescriptor(Descriptor(adopting: number)),
          name: offset < names.count ? String(names[offset]) : nil,
          address: named ? raw.address : nil))
    }
  }

  private static func listens(_ number: Int32) -> Bool {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0, value == 1 else { return false }
    guard getsockopt(number, SOL_SOCKET, SO_TYPE, &value, &length) == 0 else { return false }
    return value == Int32(SOCK_STREAM.rawValue)
  }

  /// Takes out the sockets bound to `address`; all of them, as one unit may pass several with ReusePort=.
  public mutating func take(address: SocketAddress) -> [SharedDescriptor] {
    take { $0.address.map { Self.same($0, address) } ?? false }
  }

  /// Takes out the sockets that carry `name`.
  public mutating func take(name: String) -> [Entry] {
    let taken = entries.filter { $0.name == name }
    entries.removeAll { $0.name == name }
    return taken
  }

  private mutating func take(where matches: (Entry) -> Bool) -> [SharedDescriptor] {
    let taken = entries.filter(matches)
    entries.removeAll(where: matches)
    return taken.map(\.socket)
  }

  /// `0.0.0.0:80` passed for `:80` counts as the same: it is what a machine without IPv6 binds.
  private static func same(_ bound: SocketAddress, _ wanted: SocketAddress) -> Bool {
    if bound == wanted { return true }
    if case .ip(.anyIPv4, let boundPort) = bound, case .ip(.anyIPv6, let wantedPort) = wanted {
      return boundPort == wantedPort
    }
    return false
  }
}
