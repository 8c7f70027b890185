import Base

extension WallTime {
  /// Reads what `description` writes, and as RFC 3339 has it fractions of any length and none; UTC only.
  package init?(rfc3339 text: String) {
    let bytes = Array(text.utf8)
    guard (20...40).contains(bytes.count), bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A,
      bytes[16] == 0x3A, bytes.last == 0x5A
    else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
      var number: Int64 = 0
      for byte in bytes[range] {
        guard (0x30...0x39).contains(byte) else { return nil }
        number = number * 10 + Int64(byte - 0x30)
      }
      return number
    }
    guard let year = number(0..<4), (1678...2261).contains(year), let month = number(5..<7), (1...12).contains(month),
      let day = number(8..<10), (1...31).contains(day), let hour = number(11..<13), hour < 24,
      let minute = number(14..<16), minute < 60, let second = number(17..<19), second <= 60
    else { return nil }
    var nanoseconds: Int64 = 0
    if bytes.count > 20 {
      guard bytes[19] == 0x2E, bytes.count > 21 else { return nil }
      var scale: Int64 = 100_000_000
      for byte in bytes[20..<bytes.count - 1] {
        guard (0x30...0x39).contains(byte) else { return nil }
        nanoseconds += Int64(byte - 0x30) * scale
        scale /= 10
      }
    }
    // Years are counted from March, as in `description`.
    let shifted = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = shifted.quotientAndRemainder(dividingBy: 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    self.init(
      nanosecondsSinceEpoch: (days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000_000 + nanoseconds)
  }

  package func later(seconds: Double) -> WallTime {
    guard seconds.isFinite, abs(seconds) < 1e9 else { return self }
    return WallTime(nanosecondsSinceEpoch: nanosecondsSinceEpoch + Int64(seconds * 1e9))
  }

  /// Seconds from `start` to this; not negative.
  package func seconds(since start: WallTime) -> Double {
    max(0, Double(nanosecondsSinceEpoch - start.nanosecondsSinceEpoch) / 1e9)
  }
}
