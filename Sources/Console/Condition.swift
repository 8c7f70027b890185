/// How bad a state is, for looks and for the order of what is shown first.
package enum Condition: Int, Comparable, Sendable {
  case good, wanted, passing, bad

  package static func < (left: Condition, right: Condition) -> Bool { left.rawValue < right.rawValue }

  /// Of a backend or a pool. A state that is not known is passing: a newer server has a word for it, and its `why` says more.
  package init(state: String) {
    self =
      switch state {
      case "up": .good
      // Somebody's will.
      case "drained", "disabled": .wanted
      case "down", "ejected", "held", "panic": .bad
      default: .passing
      }
  }

  package var look: StyledText.Look {
    switch self {
    case .good: .good
    case .wanted: .dim
    case .passing: .warning
    case .bad: .bad
    }
  }
}
