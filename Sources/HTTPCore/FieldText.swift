/// Whether text of somebody's own, from a configuration for instance, may be written into a head.
public enum FieldText {
  /// A token (RFC 9110, 5.1).
  public static func isName(_ bytes: UnsafeRawBufferPointer) -> Bool {
    !bytes.isEmpty && ByteSet.token.containsAll(bytes)
  }

  /// No control characters, and no blanks around it, which no reader would keep (RFC 9110, 5.5).
  public static func isValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let first = bytes.first, let last = bytes.last else { return true }
    return !Byte.isBlank(first) && !Byte.isBlank(last) && bytes.isFieldContent(from: 0, to: bytes.count)
  }

  /// A host and perhaps a port, as `Authority` reads it: what may be written into Host.
  public static func isHost(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count <= 512 && Authority.parse(bytes, ByteRange(0, bytes.count)) != nil
  }
}
