import Base
import Reactor

/// Bulk between two plain sockets, moved without being copied into the program and out of it again: see `Choices` in
/// ARCHITECTURE.md for what that saves.
///
/// A flow goes this way for as long as its reads come back full and go through: what comes by itself costs the two calls
/// that it costs in `Relay`, not one more. And what splice(2) says of a socket is never the last word: whether it is
/// empty, at its end, full or broken is asked by the calls of `Relay`, so nothing here has to know it from a pipe that is
/// full, or from urgent data.
extension Worker {
  enum Burst {
    /// As much as was asked for has gone through: there may be more.
    case through
    /// Less has gone through. Whether there is more an ordinary read will tell.
    case short
    /// Nothing has moved: the socket is to be read in the ordinary way.
    case nothing
    /// The destination is full. What it did not take is in the flow's spill.
    case stopped
    case sourceFailed
    case destinationFailed
  }

  /// Moves what one read would have moved. The pipe is empty when it returns: a client that does not read holds it up for
  /// nobody, and its bytes are in its spill, bounded and counted like those of every other.
  @inline(never)
  mutating func splice(_ flow: inout Flow, from source: Int32, to destination: Int32) -> Burst {
    let wanted = Int(flow.readSize)
    let taken: Int
    switch splicing.fill(from: source, count: wanted, now: now) {
    case .bytes(let count): taken = count
    case .blocked, .ended:
      flow.isBulk = false
      return .nothing
    case .failed: return .sourceFailed
    }
    let left = splicing.empty(into: destination)
    flow.bytes &+= taken - left
    if left == 0 {
      if taken == wanted { return .through }
      if taken < Flow.leastBurst { flow.isBulk = false }
      return .short
    }
    guard splicing.empty(into: buffer) else { return .sourceFailed }
    var sent = 0
    switch SocketIO.send(destination, from: buffer, count: left, more: false) {
    case .bytes(let count): sent = count
    case .blocked, .ended: break
    case .failed: return .destinationFailed
    }
    flow.bytes &+= sent
    flow.adapt(read: taken, taken: taken - left + sent)
    if sent == left { return .short }
    flow.spill.hold(buffer + sent, count: left - sent)
    group.admission.hold(left - sent)
    return .stopped
  }
}
