import CLinux
import Glibc

/// A program that this process has started, at the head of a process group of its own, with what it and its children
/// write.
///
/// Its end is told by a descriptor (pidfd_open(2)): there is no signal handler, and nobody else's child is ever taken for
/// it. Letting go of one that still runs kills it.
public struct Child: ~Copyable {
  public enum Exit: Equatable, Sendable {
    case status(Int32)
    /// The signal's name, such as `SIGSEGV`.
    case signal(String)
  }

  /// A program that was killed and may not have ended yet: one that the kernel holds, such as in a read of a file
  /// system that is gone, ends later or never.
  public struct Killed: Sendable {
    let process: Int32

    /// Takes its end from the kernel; true once that is done, and not to be asked again then.
    public func isGone() -> Bool { linux_wait(process, 1, nil, nil) != 0 }
  }

  private let process: Int32
  private let watch: Descriptor
  private let pipe: Descriptor
  private var isReaped = false

  /// Becomes readable when the program has ended.
  public var end: Int32 { watch.number }

  /// Becomes readable when the program has written, on standard output or standard error.
  public var output: Int32 { pipe.number }

  /// Starts a program with no input, default signals, and no descriptor of ours but the three standard ones.
  /// - Parameters:
  ///   - arguments: the program first, which is looked for in PATH unless it holds a slash (execvp(3)).
  ///   - variables: added to this process's environment; they take the place of those of the same name.
  ///   - without: variables of this process that the program does not get.
  public static func start(
    _ arguments: [String], variables: [(name: String, value: String)] = [], without: [String] = []
  ) throws(SystemError) -> Child {
    var ends: [Int32] = [-1, -1]
    if linux_pipe(&ends, O_CLOEXEC) != 0 { throw .last("pipe2") }
    let output = Descriptor(adopting: ends[0])
    let input = Descriptor(adopting: ends[1])
    _ = linux_fcntl_set_flags(output.number, O_NONBLOCK)

    let process = try spawn(
      arguments.map { Array($0.utf8CString) }, environment(adding: variables, without: without), input.number)
    let watch = linux_pidfd_open(process)
    if watch < 0 {
      let error = SystemError.last("pidfd_open")
      Glibc.kill(-process, SIGKILL)
      waitpid(process, nil, 0)
      throw error
    }
    return Child(process: process, watch: Descriptor(adopting: watch), pipe: output)
  }

  private init(process: Int32, watch: consuming Descriptor, pipe: consuming Descriptor) {
    self.process = process
    self.watch = watch
    self.pipe = pipe
  }

  deinit {
    if isReaped { return }
    Glibc.kill(-process, SIGKILL)
    linux_wait(process, 1, nil, nil)
  }

  /// How the program ended; nil while it runs. What it has left running in its group is killed.
  public mutating func takeExit() -> Exit? {
    var code: Int32 = 0
    var status: Int32 = 0
    guard !isReaped, linux_wait(process, 0, &code, &status) == process else { return nil }
    // While its number is still its own.
    Glibc.kill(-process, SIGKILL)
    linux_wait(process, 1, nil, nil)
    isReaped = true
    if code == Int32(CLD_EXITED) { return .status(status) }
    return .signal(linux_signal_name(status).map { "SIG" + String(cString: $0) } ?? "signal \(status)")
  }

  /// Reads at most `count` bytes of what it has written, without waiting (read(2)).
  public func read(into buffer: UnsafeMutableRawPointer, count: Int) -> Transfer {
    let received = uninterrupted { Glibc.read(pipe.number, buffer, count) }
    if received > 0 { return .bytes(received) }
    if received == 0 { return .ended }
    return errno == EAGAIN ? .blocked : .failed(.last("read"))
  }

  /// Kills the program and its children; nil when it has ended already.
  public consuming func kill() -> Killed? {
    if isReaped { return nil }
    Glibc.kill(-process, SIGKILL)
    isReaped = true
    return Killed(process: process)
  }

  // MARK: Starting

  private static func spawn(
    _ arguments: [[CChar]], _ environment: [[CChar]], _ output: Int32
  ) throws(SystemError) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, output, 2)
    linux_spawn_close_from(&actions, 3)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    posix_spawnattr_setpgroup(&attributes, 0)
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)

    var process: Int32 = 0
    let error = withPointers(arguments) { arguments in
      withPointers(environment) { environment in
        arguments[0].map { posix_spawnp(&process, $0, &actions, &attributes, arguments, environment) } ?? EINVAL
      }
    }
    if error != 0 { throw SystemError("posix_spawn", error) }
    return process
  }

  private static func environment(
    adding variables: [(name: String, value: String)], without: [String]
  ) -> [[CChar]] {
    let replaced = (variables.map(\.name) + without).map { Array("\($0)=".utf8CString.dropLast()) }
    var environment: [[CChar]] = []
    var next = linux_environment()
    while let entry = next?.pointee {
      let text = Array(UnsafeBufferPointer(start: entry, count: strlen(entry) + 1))
      if !replaced.contains(where: { text.starts(with: $0) }) { environment.append(text) }
      next = next?.advanced(by: 1)
    }
    return environment + variables.map { Array("\($0.name)=\($0.value)".utf8CString) }
  }

  /// The array of pointers with a null at its end that exec(3) takes.
  private static func withPointers<Result>(
    _ strings: [[CChar]], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    let pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}

extension SystemError {
  /// Processes, descriptors or memory are used up, so that a program could not be started whatever it is (fork(2)).
  public var isProcessExhaustion: Bool { isExhaustion || number == EAGAIN }
}
