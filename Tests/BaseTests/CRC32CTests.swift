import Base
import Testing

@Suite struct CRC32CTests {
  private func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    Array(bytes).withUnsafeBytes { CRC32C.checksum($0) }
  }

  /// The check value of the polynomial and the vectors of RFC 3720, appendix B.4.
  @Test func followsTheStandard() {
    #expect(checksum("123456789".utf8) == 0xE306_9283)
    #expect(checksum([]) == 0)
    #expect(checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(checksum(0..<32) == 0x46DD_794E)
    #expect(checksum((0..<32).reversed()) == 0x113F_DB5C)
  }

  @Test func isTheSameInPieces() {
    let bytes = [UInt8](0...255)
    for cut in 0...bytes.count {
      var checksum = CRC32C()
      bytes[..<cut].withUnsafeBytes { checksum.update($0) }
      bytes[cut...].withUnsafeBytes { checksum.update($0) }
      #expect(checksum.value == self.checksum(bytes))
    }
  }

  @Test func noticesEveryFlippedBit() {
    let bytes = Array("PROXY".utf8)
    for index in bytes.indices {
      for bit in 0..<8 {
        var flipped = bytes
        flipped[index] ^= 1 << UInt8(bit)
        #expect(checksum(flipped) != checksum(bytes))
      }
    }
  }
}
