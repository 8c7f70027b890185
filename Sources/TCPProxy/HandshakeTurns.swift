/// Who may take the next step of a handshake, in order of arrival.
///
/// A step may sign or agree on a key and so cost as much as a thousand chunks of data. A worker makes a few in one turn
/// of its loop; the others wait for the next, which begins at once. So sessions that run are served between them, however
/// many clients come. The queue holds a session once for each of its sides.
struct HandshakeTurns {
  /// Steps in one turn of the loop. Eight full handshakes with P-256 keep the others waiting for about a millisecond.
  static let stepsPerTurn = 8

  private var left = stepsPerTurn
  private var queue: [Token] = []
  private var next = 0

  @inline(__always)
  var isEmpty: Bool { queue.isEmpty }

  /// A turn of the loop begins.
  @inline(__always)
  mutating func renew() { left = Self.stepsPerTurn }

  /// - Returns: whether a step may be taken at once. Otherwise `wait`.
  mutating func take() -> Bool {
    guard left > 0, queue.isEmpty else { return false }
    left -= 1
    return true
  }

  /// The step was none: nothing had come.
  mutating func giveBack() { left += 1 }

  mutating func wait(_ token: Token) { queue.append(token) }

  /// The first in the queue, if this turn has a step left for it.
  mutating func takeFirst() -> Token? {
    guard left > 0, next < queue.count else { return nil }
    left -= 1
    let token = queue[next]
    next += 1
    if next == queue.count {
      queue.removeAll(keepingCapacity: true)
      next = 0
    } else if next >= 1024, next * 2 >= queue.count {
      queue.removeFirst(next)
      next = 0
    }
    return token
  }
}
