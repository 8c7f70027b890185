import Testing

@testable import Console

@Suite struct FiguresTests {
  @Test(arguments: [
    (0.0, "0"), (0.01, "<0.1"), (0.3, "0.3"), (1, "1"), (1.25, "1.3"), (9.94, "9.9"), (9.96, "10"), (42.4, "42"),
    (999, "999"),
    (999.6, "1k"), (1234, "1.2k"), (12_345, "12k"), (999_499, "999k"), (999_999, "1M"), (3_400_000, "3.4M"),
    (1e15, "1000T"), (-1, "0"), (.nan, "0"), (.infinity, "0"),
  ]) func rates(number: Double, text: String) {
    #expect(Figures.rate(number) == text)
    #expect(Figures.rate(number).count <= 5)
  }

  @Test(arguments: [
    (0.0, "0"), (0.5, "<1"), (512, "512"), (1023.6, "1K"), (2048, "2K"), (1_572_864, "1.5M"), (1e12, "931G"),
  ]) func bytes(number: Double, text: String) {
    #expect(Figures.bytes(number) == text)
  }

  @Test(
    arguments: [
      (nil, "-"), (0.0004, "0.4ms"), (0.0123, "12ms"), (1.5, "1.5s"), (75, "1m15s"), (.infinity, "-"),
    ] as [(Double?, String)]) func latencies(seconds: Double?, text: String)
  {
    #expect(Figures.latency(seconds) == text)
  }

  @Test(
    arguments: [
      (nil, "-"), (0.3, "0s"), (9.9, "9s"), (41, "41s"), (192, "3m12s"), (11_520, "3h12m"), (5 * 86_400, "5d"),
      (-3, "0s"),
      (1e300, "11574d1h"),
    ] as [(Double?, String)]) func ages(seconds: Double?, text: String)
  {
    #expect(Figures.age(seconds) == text)
  }

  @Test func widths() {
    #expect(DisplayWidth.of("abc") == 3)
    #expect(DisplayWidth.of("é…→") == 3)
    #expect(DisplayWidth.of("e\u{301}") == 1)
    #expect(DisplayWidth.of("日本") == 4)
    #expect(DisplayWidth.of("👩‍👩‍👧") == 2)
    #expect(DisplayWidth.cut("abcdef", to: 6) == "abcdef")
    #expect(DisplayWidth.cut("abcdef", to: 4) == "abc…")
    #expect(DisplayWidth.cut("日本語", to: 4) == "日…")
    #expect(DisplayWidth.cut("abc", to: 0) == "")
    #expect(DisplayWidth.cutFront("abcdef", to: 4) == "…def")
  }

  @Test(arguments: 1...30) func wrappingLosesNothingAndIsNowhereWider(columns: Int) {
    let text = "web/b is down for 3m12s: connection refused (ECONNREFUSED), and averyverylongwordthatfitsnowhere"
    let lines = DisplayWidth.wrap(text, to: columns)
    #expect(lines.allSatisfy { DisplayWidth.of($0) <= columns })
    #expect(lines.joined().filter { $0 != " " } == text.filter { $0 != " " })
  }
}
