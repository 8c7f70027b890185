import Base

/// A scheduler that places sessions by a key, and so has to know its members by name: slots change with the order of
/// the configuration, names do not.
protocol KeyedScheduler: Scheduler {
  /// As `reset(members:)`.
  /// - Parameter names: for each member the stable hash of its name, the same in every process.
  mutating func reset(members: [ScheduledMember], names: [UInt64])
}

extension KeyedScheduler {
  mutating func reset(members: [ScheduledMember]) {
    reset(members: members, names: members.indices.map { StableHash.of("\($0)") })
  }
}

/// A scheduler that goes by how fast backends answer.
protocol LatencyScheduler: Scheduler {
  /// The backend in a slot answered, or failed to, this long after it was asked: the connect in tcp mode, the head of
  /// the response in http mode.
  mutating func answered(_ slot: Int, after latency: Duration, now: Instant)
}
