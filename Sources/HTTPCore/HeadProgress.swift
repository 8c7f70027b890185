/// How far a session has looked at a head that is not complete yet: three words that it keeps while it waits.
///
/// A head usually comes whole and is read in one go. When it does not, the session keeps its bytes and asks again when
/// there are more; lines that were judged are not judged again, and a line that has not ended is searched for its end
/// from where the search stopped. When the last line has come everything is read once more, to fill the table. So a head
/// that comes byte by byte costs twice what it costs in one piece, and not the square.
///
/// A line is judged when it has ended, so the answer does not depend on how the bytes were cut.
public struct HeadProgress: Equatable, Sendable, BitwiseCopyable {
  /// Where the first line begins that has not ended.
  var lineStart: UInt32 = 0
  /// Where to look for its end.
  var searched: UInt32 = 0
  /// Fields judged so far.
  var fields: UInt16 = 0
  /// Whether the first line has been judged.
  var hasFirstLine = false
  /// Whether the empty line has come.
  var isComplete = false

  public init() {}

  /// Whether anything of the head has come.
  public var hasBegun: Bool { searched > 0 }
}

/// The next line of a head.
enum HeadLine {
  /// The line without its end, and where the next one begins.
  case line(start: Int, end: Int, next: Int)
  case needMore
  case fault(MessageFault)

  /// - Parameter progress: moved behind the line, or to where the search stopped.
  @inline(__always)
  static func next(_ bytes: UnsafeRawBufferPointer, limits: HeadLimits, progress: inout HeadProgress) -> HeadLine {
    let start = Int(progress.lineStart)
    let end = min(bytes.count, limits.bytes, start &+ limits.line)
    guard let lineFeed = bytes.firstLineFeed(from: Int(progress.searched), to: end) else {
      // As far as a line may go, and it has not ended.
      if end == limits.bytes || end == start &+ limits.line {
        return .fault(progress.hasFirstLine ? .headTooLarge : .targetTooLong)
      }
      progress.searched = UInt32(truncatingIfNeeded: end)
      return .needMore
    }
    guard lineFeed > start, bytes[lineFeed &- 1] == Byte.carriageReturn else { return .fault(.bareLineEnd) }
    progress.lineStart = UInt32(truncatingIfNeeded: lineFeed &+ 1)
    progress.searched = progress.lineStart
    return .line(start: start, end: lineFeed &- 1, next: lineFeed &+ 1)
  }
}
