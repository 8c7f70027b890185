/// Why a text is no duration or size, in words that finish the sentence "`TEXT` …".
public struct MalformedUnit: Error, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// A unit of time as balancer.json writes it.
private struct TimeUnit: Sendable {
  let name: String
  let milliseconds: Int64
  /// The most digits a count may have: no duration comes near the ends of a clock, and a pattern can say the limit.
  let digits: Int

  static let all = [
    TimeUnit(name: "ms", milliseconds: 1, digits: 10),
    TimeUnit(name: "s", milliseconds: 1000, digits: 8),
    TimeUnit(name: "m", milliseconds: 60_000, digits: 6),
    TimeUnit(name: "h", milliseconds: 3_600_000, digits: 4),
    TimeUnit(name: "d", milliseconds: 86_400_000, digits: 3),
  ]

  /// The unit of `5 s`, `5sec`, `5 Minutes`.
  static func meant(by text: Substring) -> TimeUnit? {
    let name = text.drop { $0 == " " }.lowercased()
    guard name.utf8.allSatisfy({ (0x61...0x7A).contains($0) }) else { return nil }
    if name.hasPrefix("ms") || name.hasPrefix("mil") { return all[0] }
    return all.dropFirst().first { $0.name.first == name.first }
  }
}

extension Duration {
  /// Reads a whole number with its unit: `250ms`, `2s`, `5m`, `1h`, `7d`.
  public init(parsing text: String) throws(MalformedUnit) {
    let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
    let count = Substring(digits)
    let name = text[digits.endIndex...]
    if count.isEmpty {
      throw MalformedUnit("is not a duration: write a number and a unit, such as \"5s\" or \"250ms\"")
    }
    if name.isEmpty { throw MalformedUnit("has no unit: write \"\(count)s\" or \"\(count)ms\"") }
    guard let unit = TimeUnit.all.first(where: { $0.name == name }) else {
      if let whole = Self.wholeMilliseconds(text[...]) {
        throw MalformedUnit("is more than a whole number and a unit: write \"\(Duration.milliseconds(whole).written)\"")
      }
      if let unit = TimeUnit.meant(by: name) {
        throw MalformedUnit("has a unit that is not known: write \"\(count)\(unit.name)\"")
      }
      throw MalformedUnit("has a unit that is not known: ms, s, m, h or d expected after the number")
    }
    guard count.utf8.count <= unit.digits, let value = Int64(count) else {
      throw MalformedUnit("is too long: at most \(String(repeating: "9", count: unit.digits))\(unit.name)")
    }
    self = .milliseconds(value * unit.milliseconds)
  }

  /// What `1.5s` or `1m30s` mean, so that the error can say how to write them.
  private static func wholeMilliseconds(_ text: Substring) -> Int64? {
    var rest = text
    var total: Int64 = 0
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest[number.endIndex...]
      let name = rest.prefix { $0.isLetter }
      rest = rest[name.endIndex...]
      guard number.utf8.count <= 9, let unit = TimeUnit.all.first(where: { $0.name == name }) else { return nil }
      let parts = number.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count <= 2, let whole = Int64(parts[0]), whole <= 100_000 else { return nil }
      total += whole * unit.milliseconds
      guard parts.count == 2 else { continue }
      guard (1...6).contains(parts[1].utf8.count), let fraction = Int64(parts[1]) else { return nil }
      let scale = parts[1].utf8.reduce(Int64(1)) { scale, _ in scale * 10 }
      let scaled = fraction * unit.milliseconds
      guard scaled % scale == 0 else { return nil }
      total += scaled / scale
    }
    return total > 0 ? total : nil
  }

  /// A pattern (ECMA-262) of exactly the texts that `init(parsing:)` takes.
  public static let pattern =
    "^(" + TimeUnit.all.map { "[0-9]{1,\($0.digits)}\($0.name)" }.joined(separator: "|") + ")$"

  /// The shortest exact way to write this in balancer.json: `250ms`, `2s`, `5m`. What is finer than a millisecond has
  /// a fraction, which only people read. (`text` is for ages: it rounds.)
  public var written: String {
    let nanoseconds = self.nanoseconds
    guard nanoseconds % 1_000_000 == 0 else {
      let sign = nanoseconds < 0 ? "-" : ""
      let (whole, rest) = nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
      var fraction = String(rest)
      fraction = String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
      while fraction.last == "0" { fraction.removeLast() }
      return "\(sign)\(whole).\(fraction)ms"
    }
    let milliseconds = nanoseconds / 1_000_000
    if milliseconds == 0 { return "0s" }
    let unit = TimeUnit.all.last { milliseconds % $0.milliseconds == 0 } ?? TimeUnit.all[0]
    return "\(milliseconds / unit.milliseconds)\(unit.name)"
  }
}

/// An amount of bytes as balancer.json writes it: `16KiB`, `1MiB`, `10GiB`.
public struct ByteSize: Hashable, Comparable, Sendable {
  public var bytes: Int

  @inlinable
  public init(bytes: Int) { self.bytes = bytes }

  @inlinable
  public static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }

  private static let units: [(name: String, shift: Int, digits: Int)] = [
    ("KiB", 10, 12), ("MiB", 20, 9), ("GiB", 30, 6), ("TiB", 40, 3),
  ]

  /// Reads a whole number with a binary unit; a number without one counts bytes.
  public init(parsing text: String) throws(MalformedUnit) {
    let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
    let count = Substring(digits)
    let name = text[digits.endIndex...]
    if count.isEmpty { throw MalformedUnit("is not a size: write a number and a unit, such as \"16KiB\"") }
    if name.isEmpty {
      guard count.utf8.count <= 15, let value = Int(count) else {
        throw MalformedUnit("is too large: at most 15 digits")
      }
      self.init(bytes: value)
      return
    }
    guard let unit = Self.units.first(where: { $0.name == name }) else {
      // `16K`, `16kb`, `16kib`
      let near = Self.units.first { unit in
        unit.name.first?.lowercased() == name.first?.lowercased()
          && ["", "b", "ib"].contains(name.dropFirst().lowercased())
      }
      if let near { throw MalformedUnit("has a unit that is not known: write \"\(count)\(near.name)\"") }
      throw MalformedUnit("has a unit that is not known: KiB, MiB, GiB or TiB expected after the number")
    }
    guard count.utf8.count <= unit.digits, let value = Int(count) else {
      throw MalformedUnit("is too large: at most \(String(repeating: "9", count: unit.digits))\(unit.name)")
    }
    self.init(bytes: value << unit.shift)
  }

  /// A pattern (ECMA-262) of exactly the texts that `init(parsing:)` takes.
  public static let pattern =
    "^([0-9]{1,15}|" + units.map { "[0-9]{1,\($0.digits)}\($0.name)" }.joined(separator: "|") + ")$"

  /// The shortest way to write this: the largest unit that divides it, or the bare number of bytes.
  public var written: String {
    guard bytes > 0, let unit = Self.units.last(where: { bytes & (1 << $0.shift - 1) == 0 }) else { return "\(bytes)" }
    return "\(bytes >> unit.shift)\(unit.name)"
  }
}
