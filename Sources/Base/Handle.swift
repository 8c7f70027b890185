/// Names an element of a `Slab`: its slot and the slot's generation.
///
/// A handle of an element that is gone finds nothing, even when its slot has a new tenant. That makes it safe to
/// hand to the kernel (`epoll_event.data`) or to a timer, which may answer late.
public struct Handle: Hashable, Sendable, BitwiseCopyable {
  public let slot: UInt32
  public let generation: UInt32

  @inlinable
  public init(slot: UInt32, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }
}
