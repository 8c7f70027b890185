/// One field line of a head, as ranges of the buffer it was parsed from (RFC 9110, 5; RFC 9112, 5).
public struct Field: Equatable, Sendable, BitwiseCopyable {
  /// As the sender spelled it.
  public var name: ByteRange
  /// Without the blanks around it; may be empty.
  public var value: ByteRange
  public var known: KnownField
  public var handling: Handling

  /// Why a field is not passed on as it is; empty for most.
  public struct Handling: OptionSet, Sendable, BitwiseCopyable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Of this connection only, by its name (`HopByHop`).
    public static let hopByHop = Handling(rawValue: 1)
    /// Of this connection only, because the Connection field names it.
    public static let nominated = Handling(rawValue: 2)
    /// A known name spelled with underscores.
    public static let impostor = Handling(rawValue: 4)
    /// Its name has an underscore.
    public static let underscored = Handling(rawValue: 8)
  }

  /// Whether it must not reach the other side.
  @inlinable
  public var isDropped: Bool { handling.rawValue & 7 != 0 }
}
