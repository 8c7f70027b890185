import Foundation

/// What a program believes of host names: files in place of /etc/hosts, resolv.conf(5) and nsswitch.conf(5), which it sees
/// in a mount namespace of its own.
final class HostFiles {
  /// Whether this machine lets a test make mount namespaces (root, or CAP_SYS_ADMIN).
  static let arePermitted =
    (try? ChildProcess.run(["unshare", "--mount", "mount", "--bind", "/etc/hosts", "/etc/hosts"]).exit) == .status(0)
  static let refusal = "host names are not tested: this machine forbids mount namespaces (unshare --mount, as root)"

  /// The command that gives its program these files.
  let wrapper: [String]
  private let hosts: URL

  /// - Parameter nameServer: asked for what the hosts file lacks; nil asks nobody.
  init(in folder: URL, _ lines: String..., nameServer: String? = nil) throws {
    func write(_ text: String, _ name: String) throws -> String {
      let file = folder.appendingPathComponent(name)
      try text.write(to: file, atomically: false, encoding: .utf8)
      return file.path
    }
    hosts = folder.appendingPathComponent("hosts")
    let files = [
      "/etc/hosts": try write("", "hosts"),
      "/etc/nsswitch.conf": try write("hosts: files\(nameServer == nil ? "" : " dns")\n", "nsswitch.conf"),
      "/etc/resolv.conf": try write(
        "nameserver \(nameServer ?? "127.0.0.1")\noptions timeout:60 attempts:1\n", "resolv.conf"),
    ]
    let mounts = files.map { "mount --bind '\($0.value)' \($0.key) && " }.joined()
    wrapper = ["unshare", "--mount", "bash", "-c", mounts + "exec \"$@\"", "bash"]
    try set(lines)
  }

  func set(_ lines: String...) throws { try set(lines) }

  /// Each as `127.0.0.1 web.test`.
  func set(_ lines: [String]) throws {
    // In place: the mount shows this file, not whatever bears its name later.
    let file = try FileHandle(forWritingTo: hosts)
    let bytes = Data((lines.joined(separator: "\n") + "\n").utf8)
    // Longer than what follows, it is never seen shorter than it was or will be.
    try file.write(contentsOf: bytes)
    try file.truncate(atOffset: UInt64(bytes.count))
    try file.close()
  }
}

/// A name server that takes questions and never answers.
final class SilentNameServer {
  /// 127.0.0.x, whichever is free.
  let address: String
  private let descriptor: Int32

  init() throws {
    for last in UInt8(200)...250 {
      let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
      guard descriptor >= 0 else { throw SystemFailure("socket") }
      if Address.host("127.0.0.\(last)", 53).withSockaddr({ bind(descriptor, $0, $1) }) == 0 {
        self.descriptor = descriptor
        address = "127.0.0.\(last)"
        return
      }
      close(descriptor)
    }
    throw SystemFailure("bind port 53")
  }

  deinit { close(descriptor) }
}
