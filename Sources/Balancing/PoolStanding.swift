/// How a pool stands as a whole.
public struct PoolStanding: Equatable, Sendable {
  /// Members that may take a session: up, not drained, not full.
  public let eligible: Int
  /// Members that are up and not drained, be they full or not. A pool with none has lost its last backend.
  public let up: Int
  public let total: Int
  /// The eligible members' share of the weight of all members, backups among them; 0 when all weights are 0.
  public let weightShare: Double

  public init(eligible: Int, up: Int, total: Int, weightShare: Double) {
    self.eligible = eligible
    self.up = up
    self.total = total
    self.weightShare = weightShare
  }
}
