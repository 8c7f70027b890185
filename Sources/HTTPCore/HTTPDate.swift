/// The form of dates that is sent (RFC 9110, 5.6.7, IMF-fixdate): `Sun, 06 Nov 1994 08:49:37 GMT`.
public enum HTTPDate {
  /// Bytes of a date.
  public static let length = 29

  /// Writes the second that many seconds after 1970-01-01 UTC. Times before that, and from the year 10000 on, become
  /// the nearest that can be written.
  /// - Parameter room: at least `length` bytes. A worker writes one a second and lends it to every response.
  public static func write(secondsSinceEpoch: Int64, into room: UnsafeMutableRawBufferPointer) {
    precondition(room.count >= length, "a date has room")
    let seconds = Int(min(max(secondsSinceEpoch, 0), 253_402_300_799))
    let days = seconds / 86_400
    let time = seconds % 86_400

    // Years are counted from March, so that the leap day comes last, in eras of 400 years, which all have 146,097 days
    // (Hinnant, chrono-compatible low-level date algorithms).
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 2 : monthFromMarch - 10
    let year = yearOfEra + era * 400 + (month <= 1 ? 1 : 0)

    let weekdays: StaticString = "ThuFriSatSunMonTueWed"
    let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
    room.copyMemory(from: ("Thu, 00 Jan 1970 00:00:00 GMT" as StaticString).bytes)
    for offset in 0..<3 {
      room[offset] = weekdays.utf8Start[days % 7 * 3 + offset]
      room[8 + offset] = months.utf8Start[month * 3 + offset]
    }
    func put(_ number: Int, digits: Int, at position: Int) {
      var number = number
      for offset in (0..<digits).reversed() {
        room[position + offset] = 0x30 + UInt8(truncatingIfNeeded: number % 10)
        number /= 10
      }
    }
    put(day, digits: 2, at: 5)
    put(year, digits: 4, at: 12)
    put(time / 3600, digits: 2, at: 17)
    put(time / 60 % 60, digits: 2, at: 20)
    put(time % 60, digits: 2, at: 23)
  }
}
