import Base

/// What a client can decode, gathered from its Accept-Encoding (RFC 9110, 12.5.3).
///
/// Whoever reads the field hands over its members one by one; of several for one coding the first counts. A client that
/// sends no such field gets content as it is: the RFC allows any coding then, but programs without the field do not decode.
public struct AcceptedCodings: Equatable, Sendable, BitwiseCopyable {
  /// Weights in thousandths, 0…1000; -1 where nothing was said.
  private var gzip: Int16 = -1
  private var brotli: Int16 = -1
  private var identity: Int16 = -1
  private var any: Int16 = -1

  public init() {}

  /// - Parameters:
  ///   - coding: the member's name, in any case.
  ///   - weight: its q-value in thousandths, 1000 where there is none.
  public mutating func add(_ coding: UnsafeRawBufferPointer, weight: Int) {
    let weight = Int16(min(max(weight, 0), 1000))
    func set(_ place: inout Int16) { if place < 0 { place = weight } }
    switch true {
    // x-gzip is the old name (RFC 9110, 8.4.1.3).
    case Token.equal(coding, "gzip"), Token.equal(coding, "x-gzip"): set(&gzip)
    case Token.equal(coding, "br"): set(&brotli)
    case Token.equal(coding, "identity"): set(&identity)
    case Token.equal(coding, "*"): set(&any)
    default: break
    }
  }

  /// 0 where it is not accepted. `*` stands for every coding that is not named.
  func weight(_ coding: ContentCoding) -> Int {
    let own =
      switch coding {
      case .gzip: gzip
      case .brotli: brotli
      }
    return Int(own >= 0 ? own : max(any, 0))
  }

  /// The coding that the client likes best; of equals, the first of `preferred`. Nil where it would rather have, or has to
  /// take, the content as it is: refusing `identity` as well leaves nothing better (RFC 9110, 12.5.3).
  public func best(of preferred: [ContentCoding] = ContentCoding.preferred) -> ContentCoding? {
    var best: ContentCoding?
    var highest = 0
    for coding in preferred where weight(coding) > highest {
      best = coding
      highest = weight(coding)
    }
    // What is not named at all is merely acceptable: any coding with a weight is liked better.
    return Int(identity) > highest ? nil : best
  }
}

/// Names in fields, whose case does not count.
enum Token {
  /// - Parameter name: in small letters.
  static func equal(_ text: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    guard text.count == name.utf8CodeUnitCount else { return false }
    for index in 0..<text.count where lower(text[index]) != name.utf8Start[index] { return false }
    return true
  }

  static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

  static func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var range = 0..<text.count
    while !range.isEmpty, isBlank(text[range.lowerBound]) { range = range.lowerBound + 1..<range.upperBound }
    while !range.isEmpty, isBlank(text[range.upperBound - 1]) { range = range.lowerBound..<range.upperBound - 1 }
    return UnsafeRawBufferPointer(rebasing: text[range])
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
