import CLinux
import Glibc

/// What this process uses of the machine, as proc(5) has it. What cannot be read is nil.
public struct ProcessUsage: Sendable {
  /// Of all its threads, in user and kernel mode.
  public var processorSeconds: Double?
  public var residentBytes: Int?
  public var virtualBytes: Int?
  public var threads: Int?
  public var openDescriptors: Int?
  public var mostDescriptors: Int?

  init() {}

  /// Reads it now. To count the descriptors takes a look at each of them.
  public static var current: ProcessUsage {
    var usage = ProcessUsage()
    let ticks = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))
    if let text = Machine.readSmallFile("/proc/self/stat"), let name = text.lastIndex(of: ")") {
      // Behind the name, which may hold anything: the third field and those after it.
      let fields = text[text.index(after: name)...].split(separator: " ")
      func field(_ number: Int) -> Int? { fields.count > number - 3 ? Int(fields[number - 3]) : nil }
      if let user = field(14), let kernel = field(15) { usage.processorSeconds = Double(user + kernel) / ticks }
      usage.threads = field(20)
      usage.virtualBytes = field(23)
      usage.residentBytes = field(24).map { $0 * Int(getpagesize()) }
    }
    usage.openDescriptors = openDescriptors
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      usage.mostDescriptors = Int(clamping: limit.rlim_cur)
    }
    return usage
  }

  private static var openDescriptors: Int? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    closedir(folder)
    // Itself and the two dots.
    return count - 3
  }
}
