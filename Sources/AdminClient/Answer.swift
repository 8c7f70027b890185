/// What the admin server answered, whatever its status.
public struct Answer: Equatable, Sendable {
  /// Bytes of a body; a longer one is not read.
  public static let longest = 16 << 20

  public let status: Int
  public let body: [UInt8]

  public init(status: Int, body: [UInt8]) {
    self.status = status
    self.body = body
  }

  public var isSuccess: Bool { (200...299).contains(status) }
}
