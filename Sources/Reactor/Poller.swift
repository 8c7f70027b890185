import Base
import CLinux
import Glibc

/// What a socket is ready for, or what has become of it (epoll_ctl(2)).
public struct Readiness: OptionSet, Sendable, BitwiseCopyable {
  public let rawValue: UInt32

  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  @inlinable public static var readable: Readiness { Readiness(rawValue: EPOLLIN.rawValue) }
  @inlinable public static var writable: Readiness { Readiness(rawValue: EPOLLOUT.rawValue) }
  /// The peer will send no more; bytes may still wait.
  @inlinable public static var peerFinished: Readiness { Readiness(rawValue: EPOLLRDHUP.rawValue) }
  /// Both directions are over.
  @inlinable public static var hungUp: Readiness { Readiness(rawValue: EPOLLHUP.rawValue) }
  @inlinable public static var error: Readiness { Readiness(rawValue: EPOLLERR.rawValue) }
  /// The peer has sent urgent data (tcp(7)): a read stops short before it.
  @inlinable public static var urgent: Readiness { Readiness(rawValue: EPOLLPRI.rawValue) }
  /// Report each change once, instead of a state again and again.
  @inlinable public static var edgeTriggered: Readiness { Readiness(rawValue: EPOLLET.rawValue) }
  /// Of several pollers that watch one open file, wake one.
  @inlinable public static var exclusive: Readiness { Readiness(rawValue: EPOLLEXCLUSIVE.rawValue) }

  /// How a session's sockets are watched.
  @inlinable public static var everyEdge: Readiness {
    [.readable, .writable, .peerFinished, .urgent, .edgeTriggered]
  }
  /// The same, but for whether it can be written.
  @inlinable public static var everyReadingEdge: Readiness { everyEdge.subtracting(.writable) }
}

/// Waits for many descriptors at once (epoll(7)).
///
/// What it reports is the word that was given with the descriptor: a handle, never a pointer or a bare number, so a
/// late event of something gone finds nothing.
public struct Poller: ~Copyable {
  private let epoll: Descriptor
  @usableFromInline let events: UnsafeMutablePointer<epoll_event>
  @usableFromInline let capacity: Int

  /// - Parameter capacity: events taken from the kernel at once.
  public init(capacity: Int = 512) throws(SystemError) {
    let number = epoll_create1(Int32(EPOLL_CLOEXEC))
    if number < 0 { throw .last("epoll_create1") }
    epoll = Descriptor(adopting: number)
    self.capacity = capacity
    events = .allocate(capacity: capacity)
    events.initialize(repeating: epoll_event(), count: capacity)
  }

  deinit { events.deallocate() }

  public func add(_ descriptor: Int32, _ readiness: Readiness, token: UInt64) throws(SystemError) {
    var event = epoll_event(events: readiness.rawValue, data: epoll_data(u64: token))
    if epoll_ctl(epoll.number, EPOLL_CTL_ADD, descriptor, &event) != 0 { throw .last("epoll_ctl") }
  }

  /// Watches it under another token from now on, and reports at once what it is ready for, edge-triggered or not
  /// (EPOLL_CTL_MOD).
  public func change(_ descriptor: Int32, _ readiness: Readiness, token: UInt64) throws(SystemError) {
    try reference.change(descriptor, readiness, token: token)
  }

  /// For somebody who does not own it and goes before it.
  public var reference: Reference { Reference(number: epoll.number) }

  public struct Reference: BitwiseCopyable {
    fileprivate let number: Int32

    /// As `Poller.change`.
    public func change(_ descriptor: Int32, _ readiness: Readiness, token: UInt64) throws(SystemError) {
      var event = epoll_event(events: readiness.rawValue, data: epoll_data(u64: token))
      if epoll_ctl(number, EPOLL_CTL_MOD, descriptor, &event) != 0 { throw .last("epoll_ctl") }
    }
  }

  /// Stops watching. Closing a descriptor that has no duplicate does that as well.
  public func remove(_ descriptor: Int32) {
    var event = epoll_event()
    _ = epoll_ctl(epoll.number, EPOLL_CTL_DEL, descriptor, &event)
  }

  /// Of what `wait` has taken from the kernel, whatever was reported under this token counts as never reported: another
  /// descriptor is watched under it from now on.
  public func forget(_ token: UInt64) {
    for index in 0..<capacity where events[index].data.u64 == token { events[index].events = 0 }
  }

  /// Sleeps until something happens, or until `timeout` milliseconds have passed (-1: without end).
  /// - Returns: how many events `event(at:)` now holds.
  public func wait(timeout: Int32) -> Int {
    // A signal is no event: the loop comes back here anyway.
    max(0, Int(linux_epoll_wait(epoll.number, events, Int32(capacity), timeout)))
  }

  @inlinable
  @inline(__always)
  public func event(at index: Int) -> (token: UInt64, readiness: Readiness) {
    let event = events + index
    return (event.pointee.data.u64, Readiness(rawValue: event.pointee.events))
  }
}

extension Poller {
  /// The `timeout` for `wait` that ends no earlier than `deadline`.
  public static func timeout(until deadline: Instant?, now: Instant) -> Int32 {
    guard let deadline else { return -1 }
    if deadline <= now { return 0 }
    return Int32(clamping: (deadline.nanoseconds - now.nanoseconds + 999_999) / 1_000_000)
  }
}
