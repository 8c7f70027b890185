/// What the checks say of a backend.
public enum BackendHealth: Equatable, Sendable {
  /// No result yet; it takes no session until there is one.
  case checking
  case up
  case down
}
