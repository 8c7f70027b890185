import Testing

@testable import TCPProxy

struct FlowTests {
  private func readSize(_ flow: borrowing Flow) -> UInt32 { flow.readSize }

  @Test
  func readsGrowWhileTheyGoThrough() {
    var flow = Flow()
    #expect(readSize(flow) == 64 << 10)
    flow.adapt(read: 64 << 10, taken: 64 << 10)
    #expect(readSize(flow) == 128 << 10)
    flow.adapt(read: 128 << 10, taken: 128 << 10)
    flow.adapt(read: 256 << 10, taken: 256 << 10)
    #expect(readSize(flow) == 256 << 10)
    // A short read says nothing about the destination.
    flow.adapt(read: 10, taken: 10)
    #expect(readSize(flow) == 256 << 10)
  }

  @Test
  func isBulkWhileFullReadsGoThrough() {
    var flow = Flow()
    func isBulk(after reads: [(read: Int, taken: Int)]) -> Bool {
      for (read, taken) in reads { flow.adapt(read: read, taken: taken) }
      return flow.isBulk
    }
    #expect(!isBulk(after: [(64 << 10, 64 << 10), (128 << 10, 128 << 10)]))
    // As large as can be, but not full.
    #expect(!isBulk(after: [(255 << 10, 255 << 10)]))
    #expect(isBulk(after: [(256 << 10, 256 << 10)]))
    #expect(isBulk(after: [(10, 10)]))
    #expect(!isBulk(after: [(256 << 10, 256 << 10 - 1)]))
  }

  @Test
  func readsShrinkToWhatTheDestinationTakes() {
    let cases: [(taken: Int, kibibytes: UInt32)] = [
      (0, 16), (1, 16), (16_384, 16), (16_385, 32), (100_000, 128), (262_143, 256),
    ]
    for (taken, kibibytes) in cases {
      var flow = Flow()
      flow.readSize = Flow.largestReadSize
      flow.adapt(read: 262_144, taken: taken)
      let size = flow.readSize
      #expect(size == kibibytes << 10)
    }
  }

  @Test
  func aSpillKeepsBytesInOrderAndFreesThem() {
    var spill = Spill()
    let bytes: [UInt8] = Array(0..<100)
    bytes.withUnsafeBytes { spill.hold($0.baseAddress!, count: 100) }
    var seen: [UInt8] = []
    for part in [1, 49, 50] {
      seen += spill.remaining.prefix(part)
      _ = spill.drop(part)
    }
    #expect(seen == bytes)
    let isHolding = spill.isHolding
    #expect(!isHolding)
  }

  @Test
  func aSpillTakesMoreBehindWhatItHolds() {
    var spill = Spill()
    let bytes: [UInt8] = Array(0..<100)
    func append(_ range: Range<Int>) -> Int {
      bytes[range].withUnsafeBytes { spill.append($0.baseAddress!, count: $0.count) }
    }
    #expect(append(0..<40) == 40)
    let nothing = spill.drop(30)
    #expect(nothing == 0)
    // The part that is gone takes no memory any more.
    #expect(append(40..<60) == -10)
    #expect(append(60..<100) == 40)
    let rest = Array(spill.remaining)
    #expect(rest == Array(30..<100))
    let freed = spill.drop(70)
    #expect(freed == 70)
    let isHolding = spill.isHolding
    #expect(!isHolding)
  }

  @Test
  func aSessionAtRestIsSmall() {
    #expect(MemoryLayout<TCPSession>.size <= 256)
  }
}
