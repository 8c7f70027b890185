extension Duration {
  /// As people say it, in at most two units: `0.4 ms`, `250 ms`, `1.5s`, `41s`, `3h12m`, `5d`.
  ///
  /// Below ten seconds it is rounded to what is shown; from there on it is cut, as ages are.
  public var text: String {
    let nanoseconds = self.nanoseconds
    if nanoseconds < 0 { return "-" + Duration.nanoseconds(nanoseconds == .min ? .max : -nanoseconds).text }
    if nanoseconds < 999_500_000 { return Self.millisecondText(nanoseconds) + " ms" }
    if nanoseconds < 9_950_000_000 { return Self.decimal((nanoseconds + 50_000_000) / 100_000_000, digits: 1) + "s" }

    let seconds = nanoseconds < 10_000_000_000 ? 10 : nanoseconds / 1_000_000_000
    let units: [(size: Int64, name: String)] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")]
    let largest = units.firstIndex { seconds >= $0.size } ?? 3
    let unit = units[largest]
    let text = "\(seconds / unit.size)\(unit.name)"
    guard largest < 3 else { return text }
    let smaller = units[largest + 1]
    let rest = seconds % unit.size / smaller.size
    return rest == 0 ? text : text + "\(rest)\(smaller.name)"
  }

  /// Two digits behind the point below 0.1, one below 10, none from there on.
  private static func millisecondText(_ nanoseconds: Int64) -> String {
    if nanoseconds < 95_000 { return decimal((nanoseconds + 5000) / 10_000, digits: 2) }
    if nanoseconds < 9_950_000 { return decimal((nanoseconds + 50_000) / 100_000, digits: 1) }
    return "\((nanoseconds + 500_000) / 1_000_000)"
  }

  /// A count of tenths or hundredths as a decimal fraction without closing zeros.
  private static func decimal(_ count: Int64, digits: Int) -> String {
    var count = count
    var digits = digits
    while digits > 0, count % 10 == 0 {
      count /= 10
      digits -= 1
    }
    if digits == 0 { return "\(count)" }
    let scale: Int64 = digits == 1 ? 10 : 100
    let fraction = String(count % scale)
    return "\(count / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}
