import Base
import Testing

@Suite struct StableHashTests {
  /// From the reference implementation of XXH64.
  @Test(
    arguments: [
      ("", 0, 0xEF46_DB37_51D8_E999),
      ("a", 0, 0xD24E_C4F1_A98C_6E5B),
      ("abc", 0, 0x44BC_2CF5_AD77_0999),
      ("abcd", 0, 0xDE03_27B0_D25D_92CC),
      ("abcdefgh", 0, 0x3AD3_5177_5B46_34B7),
      ("Nobody inspects the spammish repetition", 0, 0xFBCE_A83C_8A37_8BF1),
      ("Nobody inspects the spammish repetition", 7, 0x26F1_AEB3_9B9B_1F5F),
      (String(repeating: "0123456789", count: 10) + "xyz", 0, 0xF172_4309_4BB8_594D),
    ] as [(String, UInt64, UInt64)])
  func followsTheReference(text: String, seed: UInt64, hash: UInt64) {
    #expect(StableHash.of(text, seed: seed) == hash)
  }

  @Test func anAddressIsItsSixteenBytes() {
    #expect(StableHash.of(IPAddress("127.0.0.1")!) == 0xF673_2639_9575_DA40)
    #expect(StableHash.of(IPAddress("::ffff:127.0.0.1")!) == StableHash.of(IPAddress("127.0.0.1")!))
  }
}
