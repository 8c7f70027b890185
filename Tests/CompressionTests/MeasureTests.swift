import Foundation
import Glibc
import Testing

@testable import Compression

/// The figures of docs/compression.md: `BALANCER_MEASURE=1 swift test --filter MeasureTests` prints them. No test of anything.
@Suite(
  .enabled(if: ProcessInfo.processInfo.environment["BALANCER_MEASURE"] != nil, "only where BALANCER_MEASURE is set"))
struct MeasureTests {
  /// Files of this repository, as a site would send them.
  private static let samples: [(name: String, bytes: [UInt8])] = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    func read(_ path: String) -> [UInt8] { (try? Array(Data(contentsOf: root.appending(path: path)))) ?? [] }
    let sources = FileManager.default.enumerator(atPath: root.appending(path: "Sources").path)!
      .compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted()
    return [
      ("JSON", read("balancer.schema.json")), ("text", read("docs/configuration.md")),
      ("SVG", read("docs/benchmarks.svg")),
      ("code", Array(sources.flatMap { read("Sources/\($0)") }.prefix(1 << 20))),
    ]
  }()

  /// Processor time of this thread, in seconds: other programs on the machine do not count.
  private static var time: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Bytes that come at once, as a proxy reads them.
  private static let piece = 16 << 10

  private func measure(
    _ name: String, memory: () -> Int, reset: () -> Bool,
    _ encode: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer, EncoderTask) -> EncoderStep?
  ) throws {
    var room = [UInt8](repeating: 0, count: 1 << 18)
    var cells: [String] = []
    var largest = 0
    for sample in Self.samples {
      var size = 0
      let start = Self.time
      let rounds = (4 << 20) / sample.bytes.count + 1
      for _ in 0..<rounds {
        size = 0
        for offset in stride(from: 0, to: sample.bytes.count, by: Self.piece) {
          let end = min(offset + Self.piece, sample.bytes.count)
          let step = try #require(
            sample.bytes.withUnsafeBytes { bytes in
              room.withUnsafeMutableBytes {
                encode(UnsafeRawBufferPointer(rebasing: bytes[offset..<end]), $0, end == bytes.count ? .finish : .more)
              }
            })
          #expect(step.isDone)
          size += step.produced
        }
        largest = max(largest, memory())
        #expect(reset())
      }
      let rate = Double(rounds * sample.bytes.count) / (Self.time - start) / 1e6
      cells.append(String(format: "%.1f %% at %.0f MB/s", 100 * Double(size) / Double(sample.bytes.count), rate))
    }
    print("| \(name) | \(largest >> 10) KiB | \(cells.joined(separator: " | ")) |")
  }

  @Test
  func settings() throws {
    print("| | memory | \(Self.samples.map { "\($0.name), \($0.bytes.count >> 10) KiB" }.joined(separator: " | ")) |")
    for level in [1, 4, 5, 6, 9] as [Int32] {
      let stream = try present(GzipStream(level: level))
      try measure("gzip \(level)", memory: { stream.memory }, reset: { stream.reset() }) {
        stream.encode($0, into: $1, $2)
      }
    }
    for (quality, window) in [(1, 16), (3, 16), (4, 16), (4, 18), (5, 16), (5, 18), (6, 18)] as [(UInt32, UInt32)] {
      let stream = try present(BrotliStream(quality: quality, window: window))
      try measure("Brotli \(quality), 2^\(window)", memory: { stream.memory }, reset: { stream.reset() }) {
        stream.encode($0, into: $1, $2)
      }
    }
  }
}
