/// A point on the wall clock: nanoseconds since 1970-01-01 UTC, leap seconds not counted (CLOCK_REALTIME,
/// clock_gettime(2)). For people and logs; nothing is ever decided by it.
public struct WallTime: Comparable, Hashable, Sendable, BitwiseCopyable {
  public var nanosecondsSinceEpoch: Int64

  @inlinable
  public init(nanosecondsSinceEpoch: Int64) { self.nanosecondsSinceEpoch = nanosecondsSinceEpoch }

  @inlinable
  public static func < (left: WallTime, right: WallTime) -> Bool {
    left.nanosecondsSinceEpoch < right.nanosecondsSinceEpoch
  }
}

extension WallTime: CustomStringConvertible {
  /// RFC 3339 in UTC with milliseconds, always 24 characters: `2026-11-22T16:31:05.123Z`. The clock reaches from
  /// 1677 to 2262.
  public var description: String {
    let milliseconds = Self.floor(nanosecondsSinceEpoch, by: 1_000_000)
    let days = Self.floor(milliseconds.quotient, by: 86_400_000)
    let date = Self.date(daysSinceEpoch: days.quotient)
    let time = days.remainder
    return String(unsafeUninitializedCapacity: 24) { text in
      var position = 0
      func put(_ number: Int64, digits: Int, then separator: Unicode.Scalar) {
        var number = number
        for offset in (0..<digits).reversed() {
          text[position + offset] = UInt8(ascii: "0") + UInt8(number % 10)
          number /= 10
        }
        text[position + digits] = UInt8(ascii: separator)
        position += digits + 1
      }
      put(date.year, digits: 4, then: "-")
      put(date.month, digits: 2, then: "-")
      put(date.day, digits: 2, then: "T")
      put(time / 3_600_000, digits: 2, then: ":")
      put(time / 60_000 % 60, digits: 2, then: ":")
      put(time / 1000 % 60, digits: 2, then: ".")
      put(time % 1000, digits: 3, then: "Z")
      return position
    }
  }

  private static func floor(_ number: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }

  /// The day in the Gregorian calendar. Years are counted from March, so that the leap day comes last, in eras of 400
  /// years, which all have 146,097 days (Hinnant, chrono-compatible low-level date algorithms).
  private static func date(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floor(daysSinceEpoch + 719_468, by: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}
