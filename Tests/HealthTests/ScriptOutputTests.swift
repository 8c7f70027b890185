import Testing

@testable import Health

@Suite struct ScriptOutputTests {
  @Test(arguments: [
    ([], ""), (["\n\r\n"], ""), (["down"], ": \"down\""), (["do", "wn\nmore"], ": \"down\""),
    (["\n\n", "first\r", "\nsecond\n"], ": \"first\""),
  ]) func theFirstLineIsTheReason(_ pieces: [String], _ suffix: String) {
    var output = ScriptOutput()
    for piece in pieces { output.add(Array(piece.utf8)) }
    #expect(output.suffix == suffix)
  }

  @Test func whatIsKeptAndWhatIsReadAreLimited() {
    var output = ScriptOutput()
    let piece = [UInt8](repeating: 0x61, count: 16_384)
    for _ in 0..<64 { output.add(piece) }
    #expect(!output.isTooMuch)
    #expect(output.suffix.utf8.count < 300)
    output.add([0x61])
    #expect(output.isTooMuch)
  }
}
