import Base

/// A member of a pool as it stands now. Whether it may take a session is said here and nowhere else.
struct BackendState {
  let backend: Backend
  let weight: Int
  /// Sessions at once; 0 is no limit.
  let limit: Int
  var health: BackendHealth
  var warmth: Warmth

  /// How far a member has come in its slow start.
  enum Warmth: Equatable {
    /// It has its full weight.
    case warm
    /// It will begin when it comes up.
    case cold
    /// It is up, and its weight grows from its pool's first pick after that on.
    case warming(since: Instant?)
  }

  init(_ member: Member, health: BackendHealth, warmth: Warmth = .warm) {
    backend = member.backend
    weight = min(max(member.weight, 0), Member.maximumWeight)
    limit = max(member.connections, 0)
    self.health = health
    self.warmth = warmth
  }

  /// Why a member takes sessions, or takes none. What lasts longest is said first: a drained backend stays drained
  /// however its checks end.
  enum Availability: Int, CaseIterable {
    case drained, down, checking, full, eligible
  }

  var availability: Availability {
    if weight == 0 { return .drained }
    switch health {
    case .down: return .down
    case .checking: return .checking
    case .up: return limit != 0 && backend.sessions.load(ordering: .relaxed) >= limit ? .full : .eligible
    }
  }
}

extension BackendState {
  /// Spare connections that may be there at all: only where they may be needed soon. Sessions come first: with the
  /// spares they stay within the limit.
  var sparesAllowed: Int {
    switch availability {
    case .drained, .down, .checking, .full: 0
    case .eligible: limit == 0 ? .max : limit - backend.sessions.load(ordering: .relaxed)
    }
  }
}

/// How many members are available in which way.
struct Tally {
  private var counts = InlineArray<5, Int>(repeating: 0)

  subscript(_ availability: BackendState.Availability) -> Int {
    get { counts[availability.rawValue] }
    set { counts[availability.rawValue] = newValue }
  }

  var total: Int { BackendState.Availability.allCases.reduce(0) { $0 + self[$1] } }

  static func + (left: Tally, right: Tally) -> Tally {
    var sum = left
    for availability in BackendState.Availability.allCases { sum[availability] += right[availability] }
    return sum
  }
}
