import CZlib

/// gzip through zlib.
struct GzipStream: ~Copyable {
  /// Of 1…9. From 5 on matches are sought lazily; more costs much time for few bytes (docs/compression.md has the figures).
  static let level: Int32 = 5
  /// 2^15 bytes, the largest window of RFC 1951; 16 more asks for gzip's header and trailer.
  private static let windowBits: Int32 = 15 + 16
  /// zlib's default.
  private static let memoryLevel: Int32 = 8
  /// (1 << (windowBits + 2)) + (1 << (memLevel + 9)) and the structure itself (zconf.h).
  static let size = (1 << 17) + (1 << 17) + 6144

  private let stream: UnsafeMutablePointer<z_stream>

  init?(level: Int32 = GzipStream.level) {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard zlib_deflate_init(stream, level, Self.windowBits, Self.memoryLevel) == Z_OK else {
      stream.deallocate()
      return nil
    }
    self.stream = stream
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  var memory: Int { Self.size }

  func reset() -> Bool { deflateReset(stream) == Z_OK }

  func encode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ task: EncoderTask
  ) -> EncoderStep? {
    // zlib counts in 32 bits; what is more is left for the next call, and until then nothing ends.
    let most = Int(Int32.max)
    let taken = min(input.count, most)
    let room = min(output.count, most)
    // Input is only read, although z_stream does not say so.
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(taken)
    stream.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(room)
    let isWhole = taken == input.count
    let flush =
      switch isWhole ? task : .more {
      case .more: Z_NO_FLUSH
      case .flush: Z_SYNC_FLUSH
      case .finish: Z_FINISH
      }
    let status = deflate(stream, flush)
    // Z_BUF_ERROR: nothing to do, as after a flush that left nothing to flush.
    guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else { return nil }
    let consumed = taken - Int(stream.pointee.avail_in)
    let produced = room - Int(stream.pointee.avail_out)
    let isDone =
      switch task {
      case .more: consumed == input.count
      case .flush: consumed == input.count && (stream.pointee.avail_out > 0 || status == Z_BUF_ERROR)
      case .finish: status == Z_STREAM_END
      }
    // The caller's memory is not kept.
    stream.pointee.next_in = nil
    stream.pointee.next_out = nil
    return EncoderStep(consumed: consumed, produced: produced, isDone: isDone)
  }
}
