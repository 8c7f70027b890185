import Base
import Testing

@testable import Compression

struct EncoderTests {
  /// Text of about `count` bytes that is alike but never the same.
  static func text(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    let words = ["backend", "listener", "pool", "<li class=\"item\">", "\n", "session", "{\"id\":", "eligible", "π"]
    var bytes: [UInt8] = []
    while bytes.count < count {
      bytes += words[random.below(words.count)].utf8
      bytes.append(UInt8(ascii: " "))
      if random.below(4) == 0 { bytes += "\(random.below(100_000))".utf8 }
    }
    return bytes
  }

  static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  @Test(arguments: ContentCoding.allCases)
  func whatWentInComesOut(_ coding: ContentCoding) throws {
    let encoder = try present(ContentEncoder(coding))
    for (index, bytes) in [
      [], [7], Self.text(1000, seed: 1), Self.text(300_000, seed: 2), Self.noise(100_000, seed: 3),
      [UInt8](repeating: 0, count: 1 << 20),
    ].enumerated() {
      for room in [ContentEncoder.leastRoom, 1000, 65_536] {
        let written = try encoder.run(bytes, .finish, room: room)
        let decoder = Decoder(coding)
        let read = try decoder.read(written)
        #expect(read == bytes, "input \(index), room \(room)")
        #expect(decoder.isAtEnd)
        let isReset = encoder.reset()
        #expect(isReset)
      }
    }
  }

  /// Pieces, tasks and rooms by chance: after each flush the client has all.
  @Test(arguments: ContentCoding.allCases, 1...40)
  func randomPiecesArriveWithEachFlush(_ coding: ContentCoding, _ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let encoder = try present(ContentEncoder(coding))
    for _ in 0..<3 {
      let decoder = Decoder(coding)
      var sent: [UInt8] = []
      var received: [UInt8] = []
      for _ in 0..<random.below(12) {
        let count = random.below(20_000)
        let piece =
          random.below(3) == 0 ? Self.noise(count, seed: random.next()) : Self.text(count, seed: random.next())
        let isFlush = random.below(2) == 0
        let room = ContentEncoder.leastRoom + random.below(3000)
        sent += piece
        received += try decoder.read(try encoder.run(piece, isFlush ? .flush : .more, room: room))
        if isFlush { #expect(received == sent, "seed \(seed)") }
      }
      received += try decoder.read(try encoder.run([], .finish))
      #expect(received == sent, "seed \(seed)")
      #expect(decoder.isAtEnd, "seed \(seed)")
      let isReset = encoder.reset()
      #expect(isReset)
    }
  }

  @Test(arguments: ContentCoding.allCases)
  func aFlushWithNothingToFlushEnds(_ coding: ContentCoding) throws {
    let encoder = try present(ContentEncoder(coding))
    var written: [UInt8] = []
    for _ in 0..<5 { written += try encoder.run([], .flush) }
    written += try encoder.run(Array("data: 1\n\n".utf8), .flush)
    let length = written.count
    for _ in 0..<100 { written += try encoder.run([], .flush) }
    #expect(written.count < length + 1000)
    #expect(try Decoder(coding).read(written) == Array("data: 1\n\n".utf8))
  }

  @Test(arguments: ContentCoding.allCases)
  func aStreamThatIsCutLeavesNothingToTheNext(_ coding: ContentCoding) throws {
    let encoder = try present(ContentEncoder(coding))
    _ = try encoder.run(Self.text(100_000, seed: 5), .more)
    let isReset = encoder.reset()
    #expect(isReset)
    let fresh = try present(ContentEncoder(coding))
    let bytes = Self.text(5000, seed: 6)
    let ofReset = try encoder.run(bytes, .finish)
    let ofFresh = try fresh.run(bytes, .finish)
    #expect(ofReset == ofFresh)
  }

  @Test(arguments: ContentCoding.allCases)
  func memoryIsBounded(_ coding: ContentCoding) throws {
    let encoder = try present(ContentEncoder(coding))
    for seed in 0..<4 as Range<UInt64> {
      _ = try encoder.run(Self.text(3 << 20, seed: seed), .finish, room: 65_536)
      let memory = encoder.memory
      #expect(memory <= ContentEncoder.footprint(coding), "\(memory)")
      let isReset = encoder.reset()
      #expect(isReset)
      let atRest = encoder.memory
      #expect(atRest <= ContentEncoder.footprint(coding))
    }
  }

  @Test(arguments: ContentCoding.allCases)
  func aResetEncoderTakesNoMoreMemory(_ coding: ContentCoding) throws {
    let encoder = try present(ContentEncoder(coding))
    func serve() throws {
      _ = try encoder.run(Self.text(40_000, seed: 9), .finish, room: 65_536)
      let isReset = encoder.reset()
      #expect(isReset)
    }
    try serve()
    let first = encoder.memory
    for _ in 0..<50 { try serve() }
    let last = encoder.memory
    #expect(last == first)
  }

  @Test
  func codingsHaveTheirNames() {
    #expect(ContentCoding.allCases.map { "\($0.name)" } == ["gzip", "br"])
  }
}

struct EncoderPoolTests {
  @Test
  func encodersAreKeptAndBounded() throws {
    var pool = EncoderPool(memory: 2 * BrotliStream.size + GzipStream.size, mostResting: 1)
    for _ in 0..<3 {
      let first = try present(pool.take(.brotli))
      let second = try present(pool.take(.brotli))
      var available = pool.available
      #expect(available == [.gzip])
      if let loan = pool.take(.brotli) {
        Issue.record("more at work than there is room for")
        pool.give(back: loan)
      }
      let third = try present(pool.take(.gzip))
      available = pool.available
      #expect(available == [])
      pool.give(back: first)
      available = pool.available
      #expect(available == [.brotli, .gzip])
      pool.give(back: second)
      pool.give(back: third)
    }
    let (refused, working, memory) = (pool.refused, pool.working, pool.memoryAtRest)
    #expect(refused == 3)
    #expect(working == 0)
    #expect(memory > GzipStream.size && memory <= GzipStream.size + BrotliStream.size)
  }

  @Test
  func aLoanBeginsAtTheStart() throws {
    var pool = EncoderPool()
    for round in 0..<5 {
      let loan = try present(pool.take(.brotli))
      var room = [UInt8](repeating: 0, count: 4096)
      let bytes = EncoderTests.text(500, seed: UInt64(round))
      var step: EncoderStep?
      bytes.withUnsafeBytes { bytes in room.withUnsafeMutableBytes { step = loan.encode(bytes, into: $0, .finish) } }
      let done = try #require(step)
      #expect(done.isDone)
      #expect(try Decoder(.brotli).read(Array(room[..<done.produced])) == bytes)
      pool.give(back: loan)
    }
  }
}
