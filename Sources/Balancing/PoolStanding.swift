/// How a pool stands as a whole.
public struct PoolStanding: Equatable, Sendable {
  /// Members that may take a session: up, not drained, not full.
  public let eligible: Int
  /// Members that are up and not drained, be they full or not.
  public let up: Int
  /// Members that are not drained and have no result yet.
  public let checking: Int
  public let total: Int
  /// The eligible members' share of the weight of all members, backups among them; 0 when all weights are 0.
  public let weightShare: Double

  /// Whether the last backend is gone: none is up, and none may yet turn out to be.
  public var isLost: Bool { up == 0 && checking == 0 }

  public init(eligible: Int, up: Int, checking: Int, total: Int, weightShare: Double) {
    self.eligible = eligible
    self.up = up
    self.checking = checking
    self.total = total
    self.weightShare = weightShare
  }
}
