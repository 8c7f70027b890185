/// Brings a path into the one form in which it is matched and sent on, so that no backend finds another resource than
/// the route was chosen for (RFC 3986, 6.2.2).
///
/// - What is unreserved is not escaped; escapes are in upper case; what should have been escaped is.
/// - Dot segments are gone, and so are empty segments.
/// - Refused is what servers read differently: escaped slashes and backslashes, backslashes, `%00`, `..;`, characters
///   in overlong UTF-8, and whatever leads above the root.
public enum PathNormalizer {
  /// What becomes of an escaped slash or backslash. Some applications have them in names (`/projects/group%2Fname`);
  /// others take them for slashes, and then a route for `/admin` does not see `/x/..%2Fadmin` or `/admin%2Fusers`.
  public enum EncodedSlash: Sendable {
    case refuse
    /// Left escaped and a part of its segment, unless a dot segment or an empty one would come of reading it as a slash.
    case keep
  }

  public enum Answer: Equatable, Sendable {
    /// It is in normal form already: nothing was written.
    case unchanged
    /// The normal form is in the first bytes of the room.
    case normalized(count: Int)
    /// The room is smaller than this.
    case needsRoom(Int)
    case refused(MessageFault)
  }

  /// The room that always suffices: every character escaped.
  public static func room(for path: UnsafeRawBufferPointer) -> Int { 3 * path.count + 1 }

  /// - Parameters:
  ///   - path: `RequestTarget.path` of origin or absolute form; an empty one is `/`.
  ///   - room: a scratch buffer of the worker's; it must not overlap the path.
  public static func normalize(
    _ path: UnsafeRawBufferPointer, encodedSlash: EncodedSlash = .refuse, into room: UnsafeMutableRawBufferPointer
  ) -> Answer {
    if isNormal(path) { return .unchanged }
    guard room.count >= Self.room(for: path) else { return .needsRoom(Self.room(for: path)) }
    do throws(MessageFault) {
      let count = try unescape(path, encodedSlash: encodedSlash, into: room)
      return .normalized(count: try removeSegments(room, count: count))
    } catch {
      return .refused(error)
    }
  }

  /// Whether there is nothing to do: no escape, no parameter, no odd character, and no segment that is empty or begins
  /// with a dot. Most paths.
  @inline(__always)
  private static func isNormal(_ path: UnsafeRawBufferPointer) -> Bool {
    guard path.first == Byte.slash else { return false }
    var previous: UInt8 = 0
    for byte in path {
      if byte == Byte.slash || byte == Byte.dot {
        if previous == Byte.slash { return false }
      } else if !ByteSet.plainPath.contains(byte) {
        return false
      }
      previous = byte
    }
    return true
  }

  /// Writes each character in the form it has in the end. Never more than three bytes for one.
  private static func unescape(
    _ path: UnsafeRawBufferPointer, encodedSlash: EncodedSlash, into room: UnsafeMutableRawBufferPointer
  ) throws(MessageFault) -> Int {
    var count = 0
    var index = 0
    if path.isEmpty {
      room[0] = Byte.slash
      return 1
    }
    guard path[0] == Byte.slash else { throw .badTarget }
    while index < path.count {
      let byte = path[index]
      var escaped = byte
      if byte == Byte.percent {
        guard let value = escapedByte(path, at: index) else { throw .badEscape }
        index += 3
        escaped = value
        guard value != 0 else { throw .escapedNull }
        if value == Byte.slash || value == Byte.backslash {
          guard encodedSlash == .keep else { throw .encodedSlash }
        }
        guard !isOverlong(value, then: escapedByte(path, at: index)) else { throw .overlongCharacter }
        if ByteSet.unreserved.contains(value) {
          room[count] = value
          count += 1
          continue
        }
      } else {
        index += 1
        guard byte != Byte.backslash else { throw .backslash }
        guard ByteSet.rawPath.contains(byte) else { throw .badTarget }
        if ByteSet.segment.contains(byte) || byte == Byte.slash {
          room[count] = byte
          count += 1
          continue
        }
      }
      room[count] = Byte.percent
      room[count + 1] = Byte.upperHex(escaped >> 4)
      room[count + 2] = Byte.upperHex(escaped & 15)
      count += 3
    }
    return count
  }

  private static func escapedByte(_ path: UnsafeRawBufferPointer, at index: Int) -> UInt8? {
    guard index + 2 < path.count, path[index] == Byte.percent,
      let high = Byte.hexValue(path[index + 1]), let low = Byte.hexValue(path[index + 2])
    else { return nil }
    return high << 4 | low
  }

  /// Whether two bytes begin a character that has a shorter form (RFC 3629, 3): a way to spell a slash or a dot.
  private static func isOverlong(_ byte: UInt8, then next: UInt8?) -> Bool {
    guard let next, next >= 0x80, next < 0xC0 else { return false }
    return byte == 0xC0 || byte == 0xC1 || byte == 0xE0 && next < 0xA0 || byte == 0xF0 && next < 0x90
  }

  /// Takes out dot segments (RFC 3986, 5.2.4) and empty ones, in place: what is written never overtakes what is read.
  private static func removeSegments(_ path: UnsafeMutableRawBufferPointer, count: Int) throws(MessageFault) -> Int {
    var written = 0
    var index = 0
    while index < count {
      // A slash, and the segment behind it.
      let start = index + 1
      var end = start
      while end < count, path[end] != Byte.slash { end += 1 }
      let isLast = end == count
      index = end
      try checkSegment(path, start, end)

      let isDot = end - start == 1 && path[start] == Byte.dot
      let isDotDot = end - start == 2 && path[start] == Byte.dot && path[start + 1] == Byte.dot
      if isDotDot {
        guard written > 0 else { throw .aboveRoot }
        repeat { written -= 1 } while path[written] != Byte.slash
      }
      if isDot || isDotDot || start == end {
        // A folder is still a folder when its last segment is gone.
        guard isLast else { continue }
        path[written] = Byte.slash
        written += 1
        continue
      }
      path[written] = Byte.slash
      written += 1
      for offset in start..<end {
        path[written] = path[offset]
        written += 1
      }
    }
    return written
  }

  /// Refuses segments that are a dot segment, or two segments, to some servers.
  private static func checkSegment(
    _ path: UnsafeMutableRawBufferPointer, _ start: Int, _ end: Int
  ) throws(MessageFault) {
    var partStart = start
    var index = start
    var isSplit = false
    while index <= end {
      let isEscape = index + 2 < end && path[index] == Byte.percent
      let isSlash =
        isEscape
        && (path[index + 1] == 0x32 && path[index + 2] == 0x46 || path[index + 1] == 0x35 && path[index + 2] == 0x43)
      guard index == end || isSlash else {
        index += 1
        continue
      }
      isSplit = isSplit || isSlash
      try checkPart(path, partStart, index, isSplit: isSplit)
      index += isSlash ? 3 : 1
      partStart = index
    }
  }

  /// A segment, or a part of one that lies between escaped slashes.
  private static func checkPart(
    _ path: UnsafeMutableRawBufferPointer, _ start: Int, _ end: Int, isSplit: Bool
  ) throws(MessageFault) {
    var dots = start
    while dots < end, path[dots] == Byte.dot { dots += 1 }
    let isDots = dots - start == 1 || dots - start == 2
    if isSplit, isDots && dots == end || start == end { throw .ambiguousSegment }
    guard isDots, dots < end else { return }
    // `..;` is `..` to whoever takes parameters away first (RFC 3986, 3.3).
    let isEscapedSemicolon =
      dots + 2 < end && path[dots] == Byte.percent && path[dots + 1] == 0x33 && path[dots + 2] == 0x42
    if path[dots] == Byte.semicolon || isEscapedSemicolon { throw .ambiguousSegment }
  }
}
