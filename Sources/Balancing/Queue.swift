import Base

/// Sessions that wait for a backend: first come, first served, each until its deadline and never more than a limit.
///
/// Joining, leaving and being served take the same time however many wait. Memory grows with the most that have waited
/// at once, up to the limit.
public struct Queue<Element: Sendable>: Sendable {
  private struct Node: Sendable {
    /// Nil in a node that is free.
    var element: Element?
    /// Odd while the node is taken.
    var generation: UInt32 = 0
    var deadline = Instant.zero
    /// Neighbours in the queue; of a free node, `after` is the next free one.
    var before = none
    var after = none
  }

  private static var none: UInt32 { .max }

  /// How many may wait; a new limit turns nobody away who already waits.
  public var limit: Int
  public private(set) var count = 0
  private var nodes: [Node] = []
  private var firstFree = none
  private var first = none
  private var last = none

  public init(limit: Int) { self.limit = limit }

  public var isEmpty: Bool { count == 0 }

  /// When the first of them has waited long enough; nil when nobody waits.
  public var nextDeadline: Instant? { first == Self.none ? nil : nodes[Int(first)].deadline }

  /// Joins the end of the queue.
  ///
  /// Deadlines never run backwards: whoever comes later does not give up sooner than those before. That only matters
  /// for as long as it takes a shortened `timeouts.queue` to reach the front.
  /// - Returns: the place to leave from, or nil when the queue is full.
  public mutating func join(_ element: Element, deadline: Instant) -> Handle? {
    guard count < limit, count < Int(UInt32.max) else { return nil }
    if firstFree == Self.none {
      firstFree = UInt32(nodes.count)
      nodes.append(Node())
    }
    let slot = firstFree
    let index = Int(slot)
    firstFree = nodes[index].after
    nodes[index].element = element
    nodes[index].generation &+= 1
    nodes[index].deadline = last == Self.none ? deadline : max(deadline, nodes[Int(last)].deadline)
    nodes[index].before = last
    nodes[index].after = Self.none
    if last == Self.none { first = slot } else { nodes[Int(last)].after = slot }
    last = slot
    count += 1
    return Handle(slot: slot, generation: nodes[index].generation)
  }

  /// Gives up a place, as a client that hangs up does. Nil when it is already gone.
  @discardableResult
  public mutating func leave(_ place: Handle) -> Element? {
    guard Int(place.slot) < nodes.count, nodes[Int(place.slot)].generation == place.generation else { return nil }
    return remove(place.slot)
  }

  /// Takes the one that has waited longest, to be served.
  public mutating func next() -> Element? { first == Self.none ? nil : remove(first) }

  /// Takes one whose deadline has passed, to be turned away; nil when there is none left.
  public mutating func nextExpired(now: Instant) -> Element? {
    guard let nextDeadline, nextDeadline <= now else { return nil }
    return remove(first)
  }

  private mutating func remove(_ slot: UInt32) -> Element? {
    let index = Int(slot)
    guard let element = nodes[index].element else { return nil }
    let (before, after) = (nodes[index].before, nodes[index].after)
    if before == Self.none { first = after } else { nodes[Int(before)].after = after }
    if after == Self.none { last = before } else { nodes[Int(after)].before = before }
    nodes[index].element = nil
    nodes[index].generation &+= 1
    nodes[index].after = firstFree
    firstFree = slot
    count -= 1
    return element
  }
}
