import Base
import Reactor

/// The pipe of a worker, made when the first bulk flow wants one. Between two turns of a flow it is empty, so one serves
/// them all.
struct Splicing: ~Copyable {
  private var pipe: Pipe?
  /// When to ask for one again, where none was to be had or nothing could be done with it.
  private var retry = Instant.zero

  /// Four bursts: where they come in packets of the network, each takes the place of a page. A user without privileges
  /// may have 64 such pipes (fs.pipe-user-pages-soft).
  static let capacity = 1 << 20
  /// With less than a burst a buffer is as quick.
  static let leastCapacity = Int(Flow.largestReadSize)

  /// Takes bytes out of a socket. `blocked` says little: there may be no pipe.
  mutating func fill(from socket: Int32, count: Int, now: Instant) -> Transfer {
    if pipe == nil, now >= retry { open(now) }
    let transfer = pipe?.fill(from: socket, count: count) ?? .blocked
    guard case .failed(let error) = transfer, error.isUnsupported || error.isExhaustion else { return transfer }
    close(now)
    return .blocked
  }

  /// Gives a socket what it takes.
  /// - Returns: how many bytes are left.
  mutating func empty(into socket: Int32) -> Int { pipe?.empty(into: socket) ?? 0 }

  /// Takes out what is left.
  /// - Returns: false when it is lost. Then the pipe is gone as well, with whatever it held.
  mutating func empty(into buffer: UnsafeMutableRawPointer) -> Bool {
    do throws(SystemError) {
      try pipe?.empty(into: buffer)
      return true
    } catch {
      pipe = nil
      return false
    }
  }

  private mutating func open(_ now: Instant) {
    pipe = try? Pipe(capacity: Self.capacity, atLeast: Self.leastCapacity)
    if pipe == nil { close(now) }
  }

  private mutating func close(_ now: Instant) {
    pipe = nil
    retry = now.later(1_000_000_000)
  }
}
