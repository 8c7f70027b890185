import Synchronization

/// How the sessions of one backend fare, on its way from the workers to the control thread, which alone draws
/// conclusions. At most one message a backend is under way; what happens meanwhile is counted.
///
/// Only for pools that eject outliers. A session that goes well on a backend without failures costs one load.
public struct Outcomes: ~Copyable, Sendable {
  /// Failures since the last success, as far as they have not been taken.
  private let failures = Atomic<Int>(0)
  private let hasSucceeded = Atomic<Bool>(false)
  /// A failure was noted since the last success.
  @usableFromInline
  let isFailing = Atomic<Bool>(false)
  private let isTold = Atomic<Bool>(false)

  init() {}

  /// - Returns: whether the control thread has to be told.
  public func fail() -> Bool {
    failures.add(1, ordering: .relaxed)
    isFailing.store(true, ordering: .relaxed)
    return !isTold.exchange(true, ordering: .acquiringAndReleasing)
  }

  /// - Returns: whether the control thread has to be told.
  @inlinable
  public func succeed() -> Bool { isFailing.load(ordering: .relaxed) && endTrouble() }

  @usableFromInline
  func endTrouble() -> Bool {
    isFailing.store(false, ordering: .relaxed)
    failures.store(0, ordering: .relaxed)
    hasSucceeded.store(true, ordering: .relaxed)
    return !isTold.exchange(true, ordering: .acquiringAndReleasing)
  }

  /// For the control thread, once it was told: whether a session succeeded, and how many have failed since.
  public func take() -> (succeeded: Bool, failures: Int) {
    isTold.store(false, ordering: .sequentiallyConsistent)
    return (
      hasSucceeded.exchange(false, ordering: .acquiringAndReleasing),
      failures.exchange(0, ordering: .acquiringAndReleasing)
    )
  }
}
