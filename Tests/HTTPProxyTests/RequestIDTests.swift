import Base
import Testing

@testable import HTTPProxy

struct RequestIDTests {
  private let time = WallTime(nanosecondsSinceEpoch: 0x0190_0A5D_AC96 * 1_000_000 + 999_999)

  @Test
  func namesAreUUIDsOfVersionSeven() throws {
    var names = RequestIDs(seed: (1, 2))
    for _ in 0..<1000 {
      let name = written(RequestIDs.length) { names.write(at: time, to: $0) }
      #expect(name.hasPrefix("01900a5d-ac96-7"))
      #expect(
        name.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil, "\(name)")
    }
  }

  @Test
  func namesDifferAndSortByTime() {
    var one = RequestIDs(seed: (1, 2))
    var other = RequestIDs(seed: (3, 4))
    var all = Set<String>()
    for _ in 0..<20_000 {
      all.insert(written(RequestIDs.length) { one.write(at: time, to: $0) })
      all.insert(written(RequestIDs.length) { other.write(at: time, to: $0) })
    }
    #expect(all.count == 40_000)
    let later = WallTime(nanosecondsSinceEpoch: time.nanosecondsSinceEpoch + 1_000_000)
    #expect(all.allSatisfy { $0 < written(RequestIDs.length) { one.write(at: later, to: $0) } })
  }

  @Test
  func aClockBefore1970IsTaken() {
    var names = RequestIDs(seed: (1, 2))
    #expect(written(36) { names.write(at: WallTime(nanosecondsSinceEpoch: -5), to: $0) }.hasPrefix("00000000-0000-7"))
  }

  @Test
  func onlyHarmlessForeignNamesAreKept() {
    for name in [
      "a", "01890a5d-ac96-774b-bcce-b302099a8057", "Root=1-67891233-abcdef", "x/y+z=",
      String(repeating: "a", count: 128),
    ] {
      #expect(lending(name, RequestIDs.isAcceptable), "\(name)")
    }
    for name in ["", "a b", "a\n", "\"", "<x>", "é", "a,b", "\u{1b}[0m", String(repeating: "a", count: 129)] {
      #expect(!lending(name, RequestIDs.isAcceptable), "\(name)")
    }
  }
}
