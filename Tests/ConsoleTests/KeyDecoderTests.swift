import Testing

@testable import Console

@Suite struct KeyDecoderTests {
  private func keys(_ text: String, cutInto size: Int = .max) -> [Key] {
    var decoder = KeyDecoder()
    var keys: [Key] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      keys += decoder.take(rest.prefix(size))
      rest = rest.dropFirst(size)
    }
    return keys + decoder.giveUp()
  }

  static let sequences: [(String, [Key])] = [
    ("q", [.character("q")]),
    ("aé日👍", [.character("a"), .character("é"), .character("日"), .character("👍")]),
    ("\r\n", [.enter, .enter]), ("\t", [.tab]), ("\u{7F}\u{8}", [.backspace, .backspace]),
    ("\u{3}\u{15}", [.control("c"), .control("u")]),
    ("\u{1B}[A\u{1B}[B\u{1B}[C\u{1B}[D", [.up, .down, .right, .left]),
    ("\u{1B}OA\u{1B}OB\u{1B}OH\u{1B}OF", [.up, .down, .home, .end]),
    ("\u{1B}[H\u{1B}[F\u{1B}[1~\u{1B}[4~\u{1B}[7~\u{1B}[8~", [.home, .end, .home, .end, .home, .end]),
    ("\u{1B}[5~\u{1B}[6~\u{1B}[3~", [.pageUp, .pageDown, .delete]),
    // With Shift or Ctrl held.
    ("\u{1B}[1;5A", [.up]),
    ("\u{1B}[200~x", [.unknown, .character("x")]),
    ("\u{1B}", [.escape]),
    ("\u{1B}\u{1B}", [.escape, .escape]),
    ("\u{1B}\u{1B}[A", [.escape, .up]),
    ("\u{1B}xq", [.unknown, .character("q")]),
    ("\u{1B}[", [.unknown]),
  ]

  @Test(arguments: sequences.indices, [1, 2, 1000]) func keysAreReadHoweverTheyAreCut(index: Int, size: Int) {
    #expect(keys(Self.sequences[index].0, cutInto: size) == Self.sequences[index].1)
  }

  @Test func bytesThatAreNoTextAreUnknown() {
    var decoder = KeyDecoder()
    #expect(decoder.take([0xFF, 0x61]) == [.unknown, .character("a")])
    #expect(decoder.take([0xC3, 0x61]) == [.unknown, .character("a")])
    #expect(decoder.take([0xE2, 0x82, 0x61]) == [.unknown, .unknown, .character("a")])
    #expect(decoder.take([0x80]) == [.unknown])
    #expect(!decoder.isWaiting)
  }

  @Test func anEndlessSequenceEnds() {
    var decoder = KeyDecoder()
    var keys: [Key] = []
    keys += decoder.take([0x1B, 0x5B])
    for _ in 0..<1000 { keys += decoder.take([0x31]) }
    #expect(keys.contains(.unknown))
    #expect(decoder.take(Array("~~q".utf8)).last == .character("q"))
  }

  @Test func whateverComesIsBorne() {
    var random = SystemRandomNumberGenerator()
    var decoder = KeyDecoder()
    for _ in 0..<20_000 { _ = decoder.take([UInt8.random(in: 0...255, using: &random)]) }
    _ = decoder.giveUp()
    #expect(decoder.take([0x71]) == [.character("q")])
  }
}
