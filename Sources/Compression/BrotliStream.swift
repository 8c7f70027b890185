import CBrotli.Encoder

/// Brotli through libbrotlienc.
struct BrotliStream: ~Copyable {
  /// Of 0…11, and the window's size as a power of two (docs/compression.md has the figures).
  static let quality: UInt32 = 5
  static let window: UInt32 = 16
  /// Bytes that an encoder holds at most, measured and rounded up; more than that is not kept between two streams.
  static let size = 5 << 19

  /// The encoder changes with each stream, behind a pointer so that encoding need not be exclusive.
  private let state: UnsafeMutablePointer<OpaquePointer?>
  private let blocks = BlockStore()

  private let quality: UInt32
  private let window: UInt32

  init?(quality: UInt32 = BrotliStream.quality, window: UInt32 = BrotliStream.window) {
    self.quality = quality
    self.window = window
    guard let encoder = Self.make(blocks, quality, window) else { return nil }
    state = .allocate(capacity: 1)
    state.initialize(to: encoder)
  }

  deinit {
    BrotliEncoderDestroyInstance(state.pointee)
    state.deallocate()
  }

  private static func make(_ blocks: BlockStore, _ quality: UInt32, _ window: UInt32) -> OpaquePointer? {
    let encoder = BrotliEncoderCreateInstance(
      { store, size in Unmanaged<BlockStore>.fromOpaque(store!).takeUnretainedValue().take(size) },
      { store, memory in
        if let memory { Unmanaged<BlockStore>.fromOpaque(store!).takeUnretainedValue().give(memory) }
      }, Unmanaged.passUnretained(blocks).toOpaque())
    guard let encoder else { return nil }
    BrotliEncoderSetParameter(encoder, BROTLI_PARAM_QUALITY, quality)
    BrotliEncoderSetParameter(encoder, BROTLI_PARAM_LGWIN, window)
    return encoder
  }

  var memory: Int { blocks.held }

  func reset() -> Bool {
    BrotliEncoderDestroyInstance(state.pointee)
    blocks.trim(to: Self.size)
    state.pointee = Self.make(blocks, quality, window)
    return state.pointee != nil
  }

  func encode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ task: EncoderTask
  ) -> EncoderStep? {
    var availableIn = input.count
    var nextIn = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var availableOut = output.count
    var nextOut = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    let operation =
      switch task {
      case .more: BROTLI_OPERATION_PROCESS
      case .flush: BROTLI_OPERATION_FLUSH
      case .finish: BROTLI_OPERATION_FINISH
      }
    guard let encoder = state.pointee else { return nil }
    guard
      BrotliEncoderCompressStream(encoder, operation, &availableIn, &nextIn, &availableOut, &nextOut, nil)
        == BROTLI_TRUE
    else { return nil }
    let isDone =
      switch task {
      case .more: availableIn == 0
      case .flush: availableIn == 0 && BrotliEncoderHasMoreOutput(encoder) == BROTLI_FALSE
      case .finish: BrotliEncoderIsFinished(encoder) == BROTLI_TRUE
      }
    return EncoderStep(
      consumed: input.count - availableIn, produced: output.count - availableOut, isDone: isDone)
  }
}
