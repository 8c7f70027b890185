import Admin
import Balancing
import Base

/// What is kept of a backend for whoever looks at it: what it is, and since when.
struct BackendNote: Sendable {
  var state: BackendStatus.State
  var since: WallTime
  /// Of its verdict, since the start.
  var changes = 0
  /// How often it was ejected, and held down.
  var ejections = 0
  var holds = 0

  /// Takes in what it is now.
  mutating func note(_ state: BackendStatus.State, now: WallTime) {
    if state == self.state { return }
    self.state = state
    since = now
    if state == .ejected { ejections += 1 }
    if state == .held { holds += 1 }
  }
}

extension RunningPool {
  /// What a backend is, but for `full`, which changes with every session.
  func state(of member: Int) -> BackendStatus.State {
    if overrides[member]?.isDisabled == true { return .disabled }
    if effectiveWeight(of: member) == 0 { return .drained }
    if verdicts.isEjected(member) { return .ejected }
    if verdicts.isHeld(member) { return .held }
    if verdicts.isDown(member) { return .down }
    return verdicts.health(of: member) == .checking ? .checking : .up
  }

  func effectiveWeight(of member: Int) -> Int {
    let configured = resolved[member].configuration.weight
    return overrides[member]?.effectiveWeight(configured: configured) ?? configured
  }

  /// Looks at a backend of which something may have changed.
  mutating func note(_ member: Int) {
    notes[member].note(state(of: member), now: .now)
  }

  /// Notes of all backends; of those that were there before what is known of them.
  func notes(former: RunningPool?) -> [BackendNote] {
    let known = former?.places ?? [:]
    return backends.indices.map { member in
      let state = state(of: member)
      guard let former, let place = known[backends[member].name], former.backends[place] === backends[member] else {
        return BackendNote(state: state, since: .now)
      }
      var note = former.notes[place]
      note.note(state, now: .now)
      return note
    }
  }
}
