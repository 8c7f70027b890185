/// How large a head may be. Past a limit the head is refused as soon as that is certain, complete or not.
public struct HeadLimits: Equatable, Sendable, BitwiseCopyable {
  /// All of it, from the first byte to the end of the empty line (`http.maxHeader`).
  public var bytes: Int
  /// Its fields (`http.maxHeaders`).
  public var fields: Int
  /// The first line with its end. Longer ones are answered with 414, where they are not too large as a head first.
  public var line: Int

  /// The most that any of them may be: offsets into a head have 32 bits, and indices of fields 16.
  public static let most = HeadLimits(bytes: 1 << 24, fields: 1 << 15, line: 1 << 24)

  /// - Parameter line: no longer than the head when nothing is said.
  public init(bytes: Int = 32 << 10, fields: Int = 100, line: Int? = nil) {
    precondition(bytes > 0 && bytes <= 1 << 24 && fields > 0 && fields <= 1 << 15, "limits within HeadLimits.most")
    self.bytes = bytes
    self.fields = fields
    self.line = min(line ?? bytes, bytes)
  }
}
