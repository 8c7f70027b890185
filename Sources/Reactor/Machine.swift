import CLinux
import Glibc

/// What this process may use of the machine it runs on.
public enum Machine {
  /// What it is called (gethostname(2)); empty where it has no name.
  public static var name: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      buffer.initialize(repeating: 0)
      guard gethostname(buffer.baseAddress!, buffer.count - 1) == 0 else { return "" }
      return String(cString: buffer.baseAddress!)
    }
  }

  /// Processors: those of the affinity mask (sched_getaffinity(2)), and no more than the cgroup's quota rounded up
  /// (cgroup v2, `cpu.max`).
  public static var usableProcessors: Int {
    let affinity = max(1, Int(linux_usable_processors()))
    guard let quota = cgroupQuota else { return affinity }
    return max(1, min(affinity, quota))
  }

  private static var cgroupQuota: Int? {
    guard let membership = readSmallFile("/proc/self/cgroup") else { return nil }
    for line in membership.split(separator: "\n") where line.hasPrefix("0::") {
      // The tightest quota on the way up to the root holds.
      var path = String(line.dropFirst(3))
      var tightest: Int?
      while true {
        if let text = readSmallFile("/sys/fs/cgroup\(path)/cpu.max") {
          let parts = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
          if parts.count == 2, let quota = Int(parts[0]), let period = Int(parts[1]), period > 0 {
            let processors = (quota + period - 1) / period
            tightest = min(tightest ?? processors, processors)
          }
        }
        guard let slash = path.lastIndex(of: "/"), path.count > 1 else { break }
        path = String(path[..<slash])
      }
      return tightest
    }
    return nil
  }

  static func readSmallFile(_ path: String) -> String? {
    let number = open(path, O_RDONLY | O_CLOEXEC)
    if number < 0 { return nil }
    let file = Descriptor(adopting: number)
    return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
      let count = read(file.number, buffer.baseAddress!, buffer.count)
      return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }
  }

  /// Raises the soft limit of open descriptors to the hard one (getrlimit(2)).
  /// - Returns: how many descriptors this process may have open.
  @discardableResult
  public static func raiseDescriptorLimit() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    if limit.rlim_cur < limit.rlim_max {
      var raised = limit
      raised.rlim_cur = limit.rlim_max
      if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
    }
    return Int(clamping: limit.rlim_cur)
  }
}
