import Base

/// What a worker's poller and timers hand back: whom it concerns, never where that lies in memory.
struct Token: BitwiseCopyable {
  enum Subject: UInt64 {
    case client, server, listener, worker, spare
  }

  let rawValue: UInt64

  @inline(__always)
  init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Generation in the high word; in the low one the slot (29 bits, `Slab.maximumCount`) and the subject.
  @inline(__always)
  init(_ subject: Subject, _ handle: Handle) {
    rawValue = UInt64(handle.generation) << 32 | UInt64(handle.slot) << 3 | subject.rawValue
  }

  @inline(__always)
  var subject: Subject { Subject(rawValue: rawValue & 7).unsafelyUnwrapped }

  @inline(__always)
  var handle: Handle {
    Handle(slot: UInt32(truncatingIfNeeded: rawValue) >> 3, generation: UInt32(truncatingIfNeeded: rawValue >> 32))
  }

  /// The worker's own mailbox, and its own timer.
  static let worker = Token(.worker, Handle(slot: 0, generation: 0))
  /// The timer of all spares together; a spare of its own has another handle.
  static let spares = Token(.spare, Handle(slot: 0, generation: 0))
}
