import HTTPCore

/// What a path becomes before the backend sees it. The query stays.
public struct PathRewrite: Sendable {
  public enum Answer: Equatable, Sendable {
    /// The new path is in the output, in normal form.
    case rewritten
    /// It stays as it is: the expression does not match.
    case unchanged
    /// The expression took too many steps, or what it made is longer than a path may be.
    case failed
    /// What it made is a path that no client could send.
    case refused(MessageFault)
  }

  private enum Rule: Sendable {
    /// `count` bytes at the beginning become others.
    case prefix(count: Int, [UInt8])
    case expression(RegularExpression, [Piece])
  }

  private enum Piece: Sendable {
    case literal([UInt8])
    case group(Int)
  }

  /// Bytes of a path that is made here.
  private static let longest = 64 << 10

  private let rule: Rule

  /// What `prefix` matched becomes `replacement`; slashes at the ends of both make no difference: `/a` → `/b` makes
  /// `/b/x` of `/a/x` and `/b` of `/a`, and `/a` → `/` makes `/x` and `/`.
  public init(prefix: String, replacement: String) throws(RoutePath.Malformed) {
    var from = try RoutePath.normalized(prefix)
    var to = try RoutePath.normalized(replacement)
    if from.last == UInt8(ascii: "/") { from.removeLast() }
    if to.last == UInt8(ascii: "/") { to.removeLast() }
    rule = .prefix(count: from.count, to)
  }

  /// The first part of the path that matches becomes `target`, in which `$0` to `$9` are groups and `$$` is a dollar.
  public init(_ expression: RegularExpression, target: String) {
    var pieces: [Piece] = []
    var literal: [UInt8] = []
    var isEscaped = false
    for byte in target.utf8 {
      if isEscaped, (0x30...0x39).contains(byte) {
        if !literal.isEmpty { pieces.append(.literal(literal)) }
        literal = []
        pieces.append(.group(Int(byte) - 0x30))
        isEscaped = false
      } else if isEscaped || byte != UInt8(ascii: "$") {
        literal.append(byte)
        isEscaped = false
      } else {
        isEscaped = true
      }
    }
    if !literal.isEmpty { pieces.append(.literal(literal)) }
    rule = .expression(expression, pieces)
  }

  /// - Parameters:
  ///   - path: in normal form; of a route with a prefix, one that it matches.
  ///   - output: what was in it is gone; it keeps its capacity from one request to the next.
  public func apply(
    to path: UnsafeRawBufferPointer, scratch: inout MatchScratch, into output: inout [UInt8]
  ) -> Answer {
    output.removeAll(keepingCapacity: true)
    switch rule {
    case .prefix(let count, let replacement):
      output += replacement
      if count < path.count { output += path[count...] }
    case .expression(let expression, let pieces):
      switch scratch.find(CompiledExpression(expression), in: path) {
      case .notFound: return .unchanged
      case .exhausted: return .failed
      case .found: break
      }
      let whole = scratch.group(0)
      output += path[..<whole.lowerBound]
      for piece in pieces {
        switch piece {
        case .literal(let bytes): output += bytes
        case .group(let number): output += path[scratch.group(number)]
        }
        if output.count > Self.longest { return .failed }
      }
      output += path[whole.upperBound...]
    }
    if output.first != UInt8(ascii: "/") { output.insert(UInt8(ascii: "/"), at: 0) }
    if output.count > Self.longest { return .failed }
    return normalize(&output)
  }

  /// What was put together may have segments that neither part had, `..` among them.
  private func normalize(_ output: inout [UInt8]) -> Answer {
    let answer = output.withUnsafeBytes {
      PathNormalizer.normalize($0, encodedSlash: .keep, into: .init(start: nil, count: 0))
    }
    switch answer {
    case .unchanged: return .rewritten
    case .refused(let fault): return .refused(fault)
    case .normalized, .needsRoom: break
    }
    // Rare: an allocation is fine.
    let made = output
    let room = made.withUnsafeBytes { PathNormalizer.room(for: $0) }
    var fault: MessageFault?
    output = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      switch made.withUnsafeBytes({
        PathNormalizer.normalize($0, encodedSlash: .keep, into: UnsafeMutableRawBufferPointer(buffer))
      }) {
      case .normalized(let written): count = written
      case .refused(let reason): fault = reason
      case .unchanged, .needsRoom: preconditionFailure("the room suffices, and it was not in normal form")
      }
    }
    return fault.map { .refused($0) } ?? .rewritten
  }
}
