/// So many events in so much time: `"100/s"`, `"6000/m"`, `"10/h"`.
public struct Rate: Hashable, Sendable, BitwiseCopyable {
  public enum Unit: CaseIterable, Sendable, BitwiseCopyable {
    case second, minute, hour

    /// In nanoseconds.
    public var length: UInt64 {
      switch self {
      case .second: 1_000_000_000
      case .minute: 60_000_000_000
      case .hour: 3_600_000_000_000
      }
    }

    var letter: Character {
      switch self {
      case .second: "s"
      case .minute: "m"
      case .hour: "h"
      }
    }
  }

  /// Events a second that a nanosecond clock can still space out.
  public static let largestCount = 1_000_000_000

  /// 1…`largestCount`.
  public let count: Int
  public let unit: Unit

  public init(_ count: Int, per unit: Unit) {
    self.count = min(max(count, 1), Self.largestCount)
    self.unit = unit
  }
}

extension Rate {
  /// Why a text is no rate, in words that finish the sentence "`TEXT` …".
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
  }

  /// Reads a whole number, a slash and one of `s`, `m` and `h`.
  public init(parsing text: String) throws(Malformed) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let digits = parts.first, !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw Malformed("is not a rate: write for example 100/s or 6000/m")
    }
    guard parts.count == 2 else {
      throw Malformed(parts.count == 1 ? "has no unit: write for example \(text)/s" : "has more than one slash")
    }
    guard let unit = Unit.allCases.first(where: { String($0.letter) == parts[1] }) else {
      throw Malformed("has an unknown unit: /s, /m or /h expected")
    }
    guard let count = Int(digits), (1...Self.largestCount).contains(count) else {
      throw Malformed("is out of range: 1…\(Self.largestCount) expected before the slash")
    }
    self.init(count, per: unit)
  }
}

extension Rate: CustomStringConvertible {
  /// As it is written in balancer.json.
  public var description: String { "\(count)/\(unit.letter)" }
}
