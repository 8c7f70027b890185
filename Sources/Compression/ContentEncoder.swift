import Base

/// What one call of an encoder is to do beyond taking bytes.
public enum EncoderTask: Sendable {
  /// Nothing: what fills no block yet may stay inside.
  case more
  /// Let out all that was taken so far, so that the client can read it now: the source pauses.
  case flush
  /// This is the end: let out everything and the trailer.
  case finish
}

/// What one call of an encoder did.
public struct EncoderStep: Equatable, Sendable {
  /// Bytes taken from the start of the input.
  public var consumed: Int
  /// Bytes written to the start of the output.
  public var produced: Int
  /// All of the input was taken, and the task is done. Otherwise call again, with the rest, the same task and room.
  public var isDone: Bool
}

/// A stream that is compressed piece by piece: bytes in, bytes out into the caller's buffer.
///
/// It holds what it needs from its making to its end and no more: `memory` says how much. After `reset` it begins a new
/// stream without asking the system for memory.
public struct ContentEncoder: ~Copyable {
  /// The least room that makes progress: zlib repeats the mark of a flush where fewer than seven bytes are free (zlib.h, deflate).
  public static let leastRoom = 64

  /// Bytes that an encoder holds at most.
  public static func footprint(_ coding: ContentCoding) -> Int {
    switch coding {
    case .gzip: GzipStream.size
    case .brotli: BrotliStream.size
    }
  }

  private enum Kind: ~Copyable {
    case gzip(GzipStream)
    case brotli(BrotliStream)
  }

  private let kind: Kind
  public let coding: ContentCoding

  /// Nil when there is no memory for it.
  public init?(_ coding: ContentCoding) {
    switch coding {
    case .gzip:
      guard let stream = GzipStream() else { return nil }
      kind = .gzip(stream)
    case .brotli:
      guard let stream = BrotliStream() else { return nil }
      kind = .brotli(stream)
    }
    self.coding = coding
  }

  /// Takes input and writes output until one of them is at its end.
  /// - Parameters:
  ///   - input: may be empty.
  ///   - output: at least `leastRoom` bytes.
  ///   - task: once it is `.flush` or `.finish` it stays so, without new input, until the step is done.
  /// - Returns: nil when the library refuses, which it does for memory alone: the response cannot be completed.
  public func encode(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ task: EncoderTask
  ) -> EncoderStep? {
    precondition(output.count >= Self.leastRoom)
    switch kind {
    case .gzip(let stream): return stream.encode(input, into: output, task)
    case .brotli(let stream): return stream.encode(input, into: output, task)
    }
  }

  /// Begins a new stream, whatever became of the last one.
  /// - Returns: false when there is no memory: it cannot be used any more.
  public func reset() -> Bool {
    switch kind {
    case .gzip(let stream): stream.reset()
    case .brotli(let stream): stream.reset()
    }
  }

  /// Bytes that it holds.
  public var memory: Int {
    switch kind {
    case .gzip(let stream): stream.memory
    case .brotli(let stream): stream.memory
    }
  }
}
