import Base
import Glibc
import Reactor
import Synchronization

/// Writes log lines on a thread of its own, so that a slow disk or a terminal that is stopped holds nobody up.
///
/// The queue is bounded: what does not fit is counted, and the log says how much is missing.
final class LogWriter: Sendable {
  /// Lines that may wait. A log that is written too slowly loses lines instead of eating the memory.
  private static let longestQueue = 10_000

  private struct State {
    var lines: [String] = []
    var lost = 0
    var file: String?
    var mustOpen = false
    var isStopping = false
  }

  private let state: Mutex<State>
  private let isSecret: Bool
  private let wake: Mailbox<Void>
  private let finished: Mailbox<Void>

  /// - Parameters:
  ///   - file: appended to; nil is standard error.
  ///   - isSecret: nobody but its owner may read the file.
  /// - Throws: when the file cannot be opened.
  init(file: String?, isSecret: Bool = false) throws(LogFileError) {
    self.isSecret = isSecret
    do throws(SystemError) {
      wake = try Mailbox()
      finished = try Mailbox()
    } catch {
      throw LogFileError(path: file ?? "standard error", error: error)
    }
    state = Mutex(State(file: file))
    let output = try LogWriter.open(file, isSecret: isSecret)
    let descriptor = output.release()
    do throws(SystemError) {
      _ = try Thread(name: "log") { [self] in run(Descriptor(adopting: descriptor)) }
    } catch {
      throw LogFileError(path: file ?? "standard error", error: error)
    }
  }

  /// Adds a line, its newline included; never blocks.
  func write(_ line: String) {
    state.withLock { state in
      if state.lines.count < Self.longestQueue { state.lines.append(line) } else { state.lost += 1 }
    }
    wake.post(())
  }

  /// Opens the file again under its name: after it was moved away (SIGUSR1).
  func reopen() {
    state.withLock { $0.mustOpen = true }
    wake.post(())
  }

  /// Writes to another file from now on.
  /// - Throws: when it cannot be opened; the old one stays.
  func move(to file: String?) throws(LogFileError) {
    _ = try Self.open(file, isSecret: isSecret)
    state.withLock { state in
      state.file = file
      state.mustOpen = true
    }
    wake.post(())
  }

  /// Writes what waits, for `limit` milliseconds at most, and ends the thread.
  func finish(limit: Int32 = 2000) {
    state.withLock { $0.isStopping = true }
    wake.post(())
    var wait = pollfd(fd: finished.descriptor, events: Int16(POLLIN), revents: 0)
    _ = poll(&wait, 1, limit)
  }

  private static func open(_ file: String?, isSecret: Bool) throws(LogFileError) -> Descriptor {
    guard let file else {
      do throws(SystemError) { return try Descriptor.standardError() } catch {
        throw LogFileError(path: "standard error", error: error)
      }
    }
    do throws(SystemError) { return try Descriptor.appending(to: file, isSecret: isSecret) } catch {
      throw LogFileError(path: file, error: error)
    }
  }

  private func run(_ first: consuming Descriptor) {
    var output = first
    while true {
      var wait = pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&wait, 1, -1)
      _ = wake.take()
      let taken = state.withLock { state in
        let taken = state
        state.lines.removeAll(keepingCapacity: true)
        state.lost = 0
        state.mustOpen = false
        return taken
      }
      if taken.mustOpen {
        do throws(LogFileError) { output = try Self.open(taken.file, isSecret: isSecret) } catch {
          Self.write("the log file stays as it was: \(error)\n", to: output)
        }
      }
      var text = ""
      for line in taken.lines { text += line }
      if taken.lost > 0 { text += "\(taken.lost) log lines were lost here: the log could not be written fast enough\n" }
      if !text.isEmpty { Self.write(text, to: output) }
      if taken.isStopping {
        finished.post(())
        return
      }
    }
  }

  /// A log that cannot be written (a full disk) is no reason to stop serving: the lines are gone.
  private static func write(_ text: String, to output: borrowing Descriptor) {
    var text = text
    let number = output.number
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let written = Glibc.write(number, rest.baseAddress, rest.count)
        if written > 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
        } else if errno == EAGAIN {
          var wait = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
          _ = poll(&wait, 1, -1)
        } else if errno != EINTR {
          return
        }
      }
    }
  }
}

/// Why a log file cannot be written.
struct LogFileError: Error, CustomStringConvertible {
  let path: String
  /// Where it was named.
  var key = "log.file"
  let error: SystemError

  var description: String { "\(key): \(path) cannot be opened: \(error)" }
}
