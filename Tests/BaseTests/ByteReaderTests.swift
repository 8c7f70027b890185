import Base
import Testing

@Suite struct ByteReaderTests {
  private func withReader<Result>(_ bytes: [UInt8], _ body: (inout ByteReader) -> Result) -> Result {
    bytes.withUnsafeBytes { buffer in
      var reader = ByteReader(buffer)
      return body(&reader)
    }
  }

  @Test func readsNumbersInNetworkOrder() {
    withReader([UInt8](1...18)) { reader in
      #expect(reader.readUInt8() == 0x01)
      #expect(reader.readUInt16() == 0x0203)
      #expect(reader.readUInt24() == 0x04_0506)
      #expect(reader.readUInt32() == 0x0708_090A)
      #expect(reader.readUInt64() == 0x0B0C_0D0E_0F10_1112)
      #expect(reader.isAtEnd)
      #expect(reader.position == 18)
      #expect(reader.remaining == 0)
    }
  }

  @Test func aReadPastTheEndChangesNothing() {
    withReader([0xAA, 0xBB]) { reader in
      #expect(reader.readUInt24() == nil)
      #expect(reader.readUInt32() == nil)
      #expect(reader.readUInt64() == nil)
      #expect(reader.readBytes(3) == nil)
      #expect(reader.skip(3) == false)
      #expect(reader.position == 0)
      #expect(reader.readUInt16() == 0xAABB)
      #expect(reader.readUInt8() == nil)
      #expect(reader.readUInt16() == nil)
      #expect(reader.readBytes(0)?.count == 0)
    }
  }

  @Test func refusesImpossibleCounts() {
    withReader([1, 2, 3]) { reader in
      #expect(reader.readBytes(-1) == nil)
      #expect(reader.readBytes(.max) == nil)
      #expect(reader.readBytes(.min) == nil)
      #expect(reader.skip(.max) == false)
      #expect(reader.remaining == 3)
    }
  }

  @Test func readsVectorsWholeOrNotAtAll() {
    withReader([2, 7, 8, 0, 1, 9, 3, 1, 1]) { reader in
      #expect(reader.readVector8().map(Array.init) == [7, 8])
      #expect(reader.readVector16().map(Array.init) == [9])
      #expect(reader.readVector8() == nil)
      #expect(reader.position == 6)
      #expect(reader.readVector16() == nil)
      #expect(reader.position == 6)
    }
    withReader([0]) { reader in
      #expect(reader.readVector16() == nil)
      #expect(reader.readVector8()?.isEmpty == true)
      #expect(reader.isAtEnd)
    }
  }

  @Test func readsNothingFromNothing() {
    var reader = ByteReader(UnsafeRawBufferPointer(start: nil, count: 0))
    #expect(reader.isAtEnd)
    #expect(reader.readUInt8() == nil)
    #expect(reader.readBytes(0)?.count == 0)
    #expect(reader.readVector8() == nil)
  }
}
