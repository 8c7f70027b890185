/// Fields behind the last chunk (RFC 9110, 6.5; RFC 9112, 7.1.2).
///
/// When `ChunkedDecoder` says `.trailers`, they begin at its position. They are read as a head is: keep the bytes from
/// there on until the answer is another than `needMore`. What is sent on is what `isForwarded` lets through.
public enum TrailerSection {
  public enum Answer: Equatable, Sendable {
    case needMore
    /// Bytes of the section with its empty line: the next message begins behind them.
    case end(length: Int)
    case fault(MessageFault)
  }

  /// Reads the fields at the start of `bytes`, by the rules of a head's.
  /// - Parameters:
  ///   - progress: `HeadProgress()` at first.
  ///   - fields: filled when the answer is `end`; else undefined. The fields of the head are gone then.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, limits: HeadLimits, progress: inout HeadProgress, into fields: inout FieldTable
  ) -> Answer {
    var isFilling = progress == HeadProgress()
    while true {
      progress.hasFirstLine = true
      if isFilling { fields.removeAll() }
      switch FieldSection.read(bytes, limits: limits, progress: &progress, into: &fields, isFilling: isFilling) {
      case .needMore: return .needMore
      case .fault(let fault):
        progress = HeadProgress()
        return .fault(fault == .headTooLarge || fault == .tooManyFields ? .trailersTooLarge : fault)
      case .end(let length):
        progress = HeadProgress()
        if isFilling { return .end(length: length) }
        isFilling = true
      }
    }
  }

  /// Whether a trailer is sent on. Fields that mean something to an intermediary, or that say how a message is framed,
  /// where it goes or who sent it, mean nothing behind a body (RFC 9110, 6.5.1): somebody who merges them with the head's
  /// would be deceived.
  public static func isForwarded(_ field: Field) -> Bool { field.known == .other && !field.isDropped }
}
