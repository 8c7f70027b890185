import HTTPCore

/// Paths of a configuration in the form in which requests are matched.
public enum RoutePath {
  /// Why no request can have a path, in words that finish the sentence "`PATH` …".
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  public static func normalized(_ path: String) throws(Malformed) -> [UInt8] {
    // Whoever writes a configuration writes letters; clients send them escaped.
    let bytes = path.utf8.flatMap { $0 > 0x20 && $0 < 0x7F ? [$0] : Self.escaped($0) }
    var room = [UInt8](repeating: 0, count: bytes.withUnsafeBytes { PathNormalizer.room(for: $0) })
    let answer = bytes.withUnsafeBytes { bytes in
      room.withUnsafeMutableBytes { PathNormalizer.normalize(bytes, encodedSlash: .keep, into: $0) }
    }
    switch answer {
    case .unchanged: return bytes
    case .normalized(let count): return Array(room[..<count])
    case .needsRoom: preconditionFailure("the room suffices for every path")
    case .refused(let fault): throw Malformed(description: "is refused of every client: \(fault)")
    }
  }

  private static func escaped(_ byte: UInt8) -> [UInt8] {
    let digits = String(byte, radix: 16, uppercase: true)
    return Array(("%" + (byte < 16 ? "0" : "") + digits).utf8)
  }
}
