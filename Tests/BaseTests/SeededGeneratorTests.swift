import Base
import Testing

@Suite struct SeededGeneratorTests {
  /// The first numbers of the reference implementation (splitmix64.c by Vigna) for these seeds.
  @Test func followsTheReference() {
    var zero = SeededGenerator(seed: 0)
    #expect(zero.next() == 0xE220_A839_7B1D_CDAF)
    #expect(zero.next() == 0x6E78_9E6A_A1B9_65F4)
    #expect(zero.next() == 0x06C4_5D18_8009_454F)
    var other = SeededGenerator(seed: 1_234_567)
    #expect(other.next() == 6_457_827_717_110_365_317)
    #expect(other.next() == 3_203_168_211_198_807_973)
  }

  @Test func staysBelowItsBoundAndReachesEveryNumber() {
    var generator = SeededGenerator(seed: 7)
    var counts = [Int](repeating: 0, count: 6)
    for _ in 0..<60_000 { counts[generator.below(6)] += 1 }
    for count in counts { #expect((9500...10_500).contains(count)) }
    #expect(generator.below(1) == 0)
    #expect((0..<Int.max).contains(generator.below(.max)))
  }
}
