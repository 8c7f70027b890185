import CBrotli.Decoder
import CZlib
import Compression
import Testing

/// Bytes as a buffer, for the length of a call.
func lending<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
  try Array(text.utf8).withUnsafeBytes(body)
}

/// What is written to one stream, piece by piece, and read as a client reads it.
final class Decoder {
  private var zlib = z_stream()
  private var brotli: OpaquePointer?
  private(set) var isAtEnd = false

  init(_ coding: ContentCoding) {
    switch coding {
    case .gzip: precondition(zlib_inflate_init(&zlib, 15 + 16) == Z_OK)
    case .brotli: brotli = BrotliDecoderCreateInstance(nil, nil, nil)
    }
  }

  deinit {
    if let brotli { BrotliDecoderDestroyInstance(brotli) } else { inflateEnd(&zlib) }
  }

  /// All that can be read once `bytes` have come.
  func read(_ bytes: [UInt8]) throws -> [UInt8] {
    var read: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 4096)
    var input = bytes
    try input.withUnsafeMutableBufferPointer { input in
      if let brotli {
        var available = input.count
        var next = UnsafePointer(input.baseAddress)
        while true {
          let produced = try room.withUnsafeMutableBufferPointer { room in
            var left = room.count
            var out = room.baseAddress
            let result = BrotliDecoderDecompressStream(brotli, &available, &next, &left, &out, nil)
            try #require(result != BROTLI_DECODER_RESULT_ERROR)
            if result == BROTLI_DECODER_RESULT_SUCCESS { isAtEnd = true }
            return room.count - left
          }
          read += room[..<produced]
          if produced < room.count { break }
        }
        #expect(available == 0)
      } else {
        zlib.next_in = input.baseAddress
        zlib.avail_in = UInt32(input.count)
        while true {
          let produced = try room.withUnsafeMutableBufferPointer { room in
            zlib.next_out = room.baseAddress
            zlib.avail_out = UInt32(room.count)
            let status = inflate(&zlib, Z_SYNC_FLUSH)
            try #require(status == Z_OK || status == Z_BUF_ERROR || status == Z_STREAM_END)
            if status == Z_STREAM_END { isAtEnd = true }
            return room.count - Int(zlib.avail_out)
          }
          read += room[..<produced]
          if produced < room.count { break }
        }
        #expect(zlib.avail_in == 0)
      }
    }
    return read
  }
}

extension ContentEncoder {
  borrowing func run(_ bytes: [UInt8], _ task: EncoderTask, room: Int = 1024) throws -> [UInt8] {
    var written: [UInt8] = []
    var space = [UInt8](repeating: 0, count: room)
    var offset = 0
    while true {
      var step: EncoderStep?
      bytes.withUnsafeBytes { bytes in
        space.withUnsafeMutableBytes { space in
          step = encode(UnsafeRawBufferPointer(rebasing: bytes[offset...]), into: space, task)
        }
      }
      let done = try #require(step)
      try #require(done.isDone || done.consumed > 0 || done.produced > 0, "no progress")
      offset += done.consumed
      written += space[..<done.produced]
      if done.isDone {
        #expect(offset == bytes.count)
        return written
      }
    }
  }
}

/// `#require` for what cannot be copied.
func present<Value: ~Copyable>(_ value: consuming Value?) throws -> Value {
  guard let value else { throw Missing() }
  return value
}

struct Missing: Error {}
