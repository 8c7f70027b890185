/// Entity tags (RFC 9110, 8.8.3).
public enum EntityTag {
  /// Whether `value` is one: perhaps `W/`, and visible characters in quotes.
  public static func isValid(_ value: UnsafeRawBufferPointer) -> Bool {
    let start = isWeak(value) ? 2 : 0
    guard value.count >= start + 2, value[start] == Byte.quote, value[value.count - 1] == Byte.quote else {
      return false
    }
    for byte in value[(start + 1)..<(value.count - 1)] {
      guard byte >= 0x21, byte != Byte.quote, byte != 0x7F else { return false }
    }
    return true
  }

  /// Whether it says itself that equal means no more than of the same use.
  public static func isWeak(_ value: UnsafeRawBufferPointer) -> Bool {
    value.count >= 2 && value[0] == 0x57 && value[1] == Byte.slash
  }

  /// What to write before `value` when the bytes of the body are changed on the way, by compressing them: a strong tag
  /// says that they are the same (8.8.1). nil when the tag is malformed and must be left out.
  public static func weakening(_ value: UnsafeRawBufferPointer) -> StaticString? {
    guard isValid(value) else { return nil }
    return isWeak(value) ? "" : "W/"
  }
}
