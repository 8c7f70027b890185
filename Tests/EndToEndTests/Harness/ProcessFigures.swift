import Foundation

/// What the kernel tells of a process (proc(5)).
struct ProcessFigures {
  let pid: pid_t

  /// Open descriptors.
  var descriptors: Int { get throws { try names("fd").count } }

  /// Open sockets. Unlike other descriptors they only come and go with listeners, sessions and checks.
  var sockets: Int { get throws { try links("fd").count { $0.target.hasPrefix("socket:") } } }

  /// Open ends of pipes.
  var pipes: Int { get throws { try links("fd").count { $0.target.hasPrefix("pipe:") } } }

  /// The processes it has started, the first first.
  var children: [pid_t] {
    get throws {
      // Each thread has a list of its own.
      try names("task").flatMap { try text("task/\($0)/children").split(separator: " ") }.compactMap { pid_t($0) }
        .sorted()
    }
  }

  /// A bit for each signal that its main thread blocks, the lowest for signal 1.
  var blockedSignals: UInt64 {
    get throws {
      let line = try text("status").split(separator: "\n").first { $0.hasPrefix("SigBlk:") }
      guard let mask = line.flatMap({ UInt64($0.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16) }) else {
        throw Failure("/proc/\(pid)/status cannot be read")
      }
      return mask
    }
  }

  var threads: Int { get throws { try names("task").count } }

  /// Resident memory in bytes.
  var residentBytes: Int {
    get throws {
      let fields = try text("statm").split(separator: " ")
      guard fields.count > 1, let pages = Int(fields[1]) else { throw Failure("/proc/\(pid)/statm cannot be read") }
      return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
  }

  /// Processor time of all threads, as user and in the kernel.
  var processorTime: Duration {
    get throws {
      // The command's name, in parentheses, may hold anything: count from behind it.
      let fields = try text("stat").split(separator: ")").last?.split(separator: " ") ?? []
      guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else {
        throw Failure("/proc/\(pid)/stat cannot be read")
      }
      return .milliseconds((user + system) * 1000 / sysconf(Int32(_SC_CLK_TCK)))
    }
  }

  /// For each epoll instance the number of descriptors it watches, the busiest first.
  var watchedByEpoll: [Int] {
    get throws {
      try links("fd").filter { $0.target == "anon_inode:[eventpoll]" }
        .map { link in try text("fdinfo/\(link.name)").split(separator: "\n").count { $0.hasPrefix("tfd:") } }
        .sorted(by: >)
    }
  }

  private func text(_ file: String) throws -> String {
    // Not by Foundation's readers, which trust the size of a file: it is 0 in /proc.
    guard let stream = fopen("/proc/\(pid)/\(file)", "re") else { throw SystemFailure("open /proc/\(pid)/\(file)") }
    defer { fclose(stream) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&buffer, 1, buffer.count, stream)
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += buffer[..<count]
    }
  }

  private func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/\(folder)")
  }

  private func links(_ folder: String) throws -> [(name: String, target: String)] {
    try names(folder).compactMap { name in
      // Those that are closed meanwhile are not there.
      let path = "/proc/\(pid)/\(folder)/\(name)"
      return (try? FileManager.default.destinationOfSymbolicLink(atPath: path)).map { (name, $0) }
    }
  }
}
