import Base
import Testing

@testable import HTTPCore

@Suite struct ChunkedTests {
  @Test func whatIsEncodedIsDecodedHoweverItIsCut() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      var encoder = ChunkedEncoder()
      var encoded: [UInt8] = []
      var body: [UInt8] = []
      withUnsafeTemporaryAllocation(byteCount: ChunkedEncoder.room, alignment: 1) { room in
        for _ in 0..<generator.below(6) {
          let chunk = (0..<(1 + generator.below(300))).map { _ in UInt8(generator.below(256)) }
          let count = encoder.beginChunk(of: chunk.count, into: room)
          encoded += room[..<count] + chunk
          // Its end may be written behind it or before what comes next.
          if generator.below(2) == 0 {
            let count = encoder.endChunk(into: room)
            encoded += room[..<count]
          }
          body += chunk
        }
        let count = encoder.end(into: room)
        encoded += room[..<count]
      }
      var ends = [encoded.count]
      for _ in 0..<generator.below(5) { ends.append(generator.below(encoded.count)) }
      #expect(decodeChunks(encoded, ends: ends.sorted()) == "end \"\(text(body))\" 0", "seed \(seed)")
    }
  }

  @Test(arguments: [
    (1, "1"), (15, "F"), (16, "10"), (255, "FF"), (256, "100"), (262_144, "40000"), (Int.max, "7FFFFFFFFFFFFFFF"),
  ])
  func sizesAreHexadecimal(_ count: Int, _ size: String) {
    withUnsafeTemporaryAllocation(byteCount: ChunkedEncoder.room, alignment: 1) { room in
      var encoder = ChunkedEncoder()
      let first = encoder.beginChunk(of: count, into: room)
      #expect(text(room[..<first]) == "\(size)\r\n")
      var aligned = encoder
      let second = encoder.beginChunk(of: count, into: room)
      #expect(text(room[..<second]) == "\r\n\(size)\r\n")
      let third = aligned.beginChunk(of: count, atEndOf: room)
      #expect(text(room[(room.count - third)...]) == "\r\n\(size)\r\n")
    }
  }

  @Test func theBodyIsBounded() {
    var decoder = ChunkedDecoder(limit: 10)
    var position = 0
    bytes("5\r\nhello\r\n5\r\nworld\r\n1\r\n").withUnsafeBytes { bytes in
      var events: [ChunkedDecoder.Event] = []
      for _ in 0..<3 { events.append(decoder.next(in: bytes, from: &position)) }
      #expect(events == [.data(3..<8), .data(13..<18), .fault(.bodyTooLarge)])
    }
    #expect(MessageFault.bodyTooLarge.status == 413)
  }

  @Test func sizesThatAddUpPastTheLimitDoNotOverflow() {
    // A chunk as large as can be said, of which nothing comes, cannot be followed by another; so the sum is exact.
    var decoder = ChunkedDecoder()
    var position = 0
    let event = bytes("7FFFFFFFFFFFFFFF\r\nx").withUnsafeBytes { decoder.next(in: $0, from: &position) }
    #expect(event == .data(18..<19))
    let length = decoder.length
    #expect(length == UInt64(Int64.max))
  }

  @Test func longExtensionsAreRefused() {
    let extensions = String(repeating: "x", count: ChunkedDecoder.mostOverhead)
    #expect(decode("1;\(extensions)\r\na\r\n0\r\n\r\n") == "400 chunkExtensionsTooLong \"\"")
    #expect(decode("0;\(extensions)\r\n\r\n") == "400 chunkExtensionsTooLong \"\"")
  }

  @Test func extensionsOfManySmallChunksAreRefused() {
    let chunk = "1;" + String(repeating: "x", count: 100) + "\r\na\r\n"
    #expect(decode(String(repeating: chunk, count: 300) + "0\r\n\r\n").hasPrefix("400 chunkExtensionsTooLong"))
  }

  @Test func manyTinyChunksPass() {
    #expect(decode(String(repeating: "1\r\na\r\n", count: 20_000) + "0\r\n\r\n").hasPrefix("end"))
  }

  @Test func signaturesOfLargeChunksPass() {
    // What some clients of object stores send with every chunk.
    let data = String(repeating: "a", count: 8192)
    let chunk = "2000;chunk-signature=" + String(repeating: "0", count: 64) + "\r\n\(data)\r\n"
    #expect(decode(String(repeating: chunk, count: 300) + "0\r\n\r\n").hasPrefix("end"))
  }

  @Test func theEndStaysTheEnd() {
    var decoder = ChunkedDecoder()
    var position = 0
    bytes("0\r\n\r\nGET").withUnsafeBytes { bytes in
      for _ in 0..<3 {
        let event = decoder.next(in: bytes, from: &position)
        #expect(event == .end)
        #expect(position == 5)
      }
    }
    let isDone = decoder.isDone
    #expect(isDone)
  }

  private func decode(_ body: String) -> String {
    let message = bytes(body)
    return decodeChunks(message, ends: [message.count / 2, message.count])
  }
}
