/// Directives of Cache-Control that concern an intermediary without a cache (RFC 9111, 5.2).
public enum CacheControl {
  /// Whether one of them is `no-transform`: the content is to stay as it is (RFC 9111, 5.2.2.6).
  public static func forbidsTransform(_ value: UnsafeRawBufferPointer) -> Bool {
    var elements = ListElements(value, ByteRange(0, value.count))
    while let element = elements.next() {
      if value[element].equalsIgnoringCase("no-transform") { return true }
    }
    return false
  }
}
