import CLinux
import Glibc

/// Signals as events (signalfd(2)): nothing of the program ever runs inside a signal handler.
public struct SignalSource: ~Copyable {
  private let source: Descriptor

  /// Blocks `signals` for this thread and every thread it starts from here on, so call it before the first one.
  public init(_ signals: [Int32]) throws(SystemError) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    let error = pthread_sigmask(SIG_BLOCK, &set, nil)
    if error != 0 { throw SystemError("pthread_sigmask", error) }
    let number = signalfd(-1, &set, Int32(SFD_NONBLOCK) | Int32(SFD_CLOEXEC))
    if number < 0 { throw .last("signalfd") }
    source = Descriptor(adopting: number)
  }

  /// Readable while a signal waits.
  public var descriptor: Int32 { source.number }

  /// The next signal, if one waits.
  public func take() -> Int32? {
    var information = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    return read(source.number, &information, size) == size ? Int32(bitPattern: information.ssi_signo) : nil
  }

  /// Writing to a connection that is gone must be an error of the call, not the end of the program.
  public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
