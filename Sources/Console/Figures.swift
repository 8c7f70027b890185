import Base

/// Numbers as a column has room for them.
package enum Figures {
  /// Of five characters at most: `0`, `0.3`, `42`, `1.2k`, `12M`. What is there but tiny is not shown as nothing.
  package static func rate(_ number: Double) -> String {
    if number > 0, number < 0.05 { return "<0.1" }
    return scaled(number, step: 1000, units: ["", "k", "M", "G", "T"])
  }

  /// Bytes a second, in powers of 1024.
  package static func bytes(_ number: Double) -> String {
    if number > 0, number < 1 { return "<1" }
    return scaled(number, step: 1024, units: ["", "K", "M", "G", "T"])
  }

  private static func scaled(_ number: Double, step: Double, units: [String]) -> String {
    guard number.isFinite, number > 0 else { return "0" }
    var rest = number
    for (index, unit) in units.enumerated() {
      if rest < 9.95 && (index > 0 || rest != rest.rounded()) {
        let tenths = Int((rest * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)\(unit)" : "\(tenths / 10).\(tenths % 10)\(unit)"
      }
      if rest < step - 0.5 || index == units.count - 1 { return "\(Int(min(rest, 1e15).rounded()))\(unit)" }
      rest /= step
    }
    return ""
  }

  /// How long something took: `0.4ms`, `1.5s`; `-` where nothing was measured.
  package static func latency(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite else { return "-" }
    return duration(seconds).text.replacing(" ", with: "")
  }

  /// How long something has lasted, in whole seconds: `0s`, `41s`, `3h12m`; `-` where that is not known.
  package static func age(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite else { return "-" }
    let whole = duration(seconds).components.seconds
    return whole < 10 ? "\(max(0, whole))s" : Duration.seconds(whole).text
  }

  private static func duration(_ seconds: Double) -> Duration { .seconds(min(max(seconds, 0), 1e9)) }

  /// `1 session`, `2 sessions`.
  package static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
