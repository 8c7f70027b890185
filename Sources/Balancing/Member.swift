/// A backend as its pool's configuration has it: with the settings that a reload may change.
public struct Member: Sendable {
  /// Weights above this count as this.
  public static let maximumWeight = 256

  public let backend: Backend
  /// Its share beside the other members' weights; 0 is no new sessions (it drains).
  public var weight: Int
  /// Sessions at once; 0 is no limit.
  public var connections: Int
  /// Used only when no other member can take a session.
  public var backup: Bool

  public init(backend: Backend, weight: Int = 1, connections: Int = 0, backup: Bool = false) {
    self.backend = backend
    self.weight = weight
    self.connections = connections
    self.backup = backup
  }
}
