/// The encoders of one worker: those that rest are kept for the next responses, a bounded number of each coding.
///
/// What those at work hold is bounded too. Streams that never end, such as server-sent events, keep their encoder for as long
/// as they last; past the bound responses go out in a coding that needs less, or as they are.
public struct EncoderPool: ~Copyable {
  /// Bytes that encoders at work may hold together.
  public let memory: Int
  /// Bytes that they are taken to hold now.
  public private(set) var working = 0
  /// Encoders that were refused because there is no room for another.
  public private(set) var refused: UInt64 = 0
  private var gzip: [Boxed] = []
  private var brotli: [Boxed] = []
  private let mostResting: Int

  /// An encoder that an array can hold.
  private final class Boxed {
    let encoder: ContentEncoder

    init?(_ coding: ContentCoding) {
      guard let encoder = ContentEncoder(coding) else { return nil }
      self.encoder = encoder
    }
  }

  /// An encoder that was taken from a pool: give it back when its stream has ended, in whatever way.
  public struct Loan: ~Copyable {
    fileprivate let box: AnyObject

    public var coding: ContentCoding { unsafeDowncast(box, to: Boxed.self).encoder.coding }

    /// See `ContentEncoder.encode`.
    public func encode(
      _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, _ task: EncoderTask
    ) -> EncoderStep? {
      unsafeDowncast(box, to: Boxed.self).encoder.encode(input, into: output, task)
    }
  }

  /// - Parameters:
  ///   - memory: bytes that encoders at work may hold together: 64 MiB are 240 of gzip, or 25 of Brotli.
  ///   - mostResting: encoders of each coding that are kept without work.
  public init(memory: Int = 64 << 20, mostResting: Int = 8) {
    self.memory = memory
    self.mostResting = mostResting
    gzip.reserveCapacity(mostResting)
    brotli.reserveCapacity(mostResting)
  }

  /// The codings there is room for, the best first: what to choose from for the next response.
  public var available: [ContentCoding] {
    let room = memory - working
    if room >= ContentEncoder.footprint(.brotli) { return ContentCoding.preferred }
    return room >= ContentEncoder.footprint(.gzip) ? ContentCoding.gzipAlone : []
  }

  /// An encoder at the start of a stream; nil when there is no room for another: answer without compression.
  public mutating func take(_ coding: ContentCoding) -> Loan? {
    guard working + ContentEncoder.footprint(coding) <= memory, let box = resting(coding) ?? Boxed(coding) else {
      refused += 1
      return nil
    }
    working += ContentEncoder.footprint(coding)
    return Loan(box: box)
  }

  public mutating func give(back loan: consuming Loan) {
    let box = unsafeDowncast(loan.box, to: Boxed.self)
    working -= ContentEncoder.footprint(box.encoder.coding)
    switch box.encoder.coding {
    case .gzip where gzip.count < mostResting:
      if box.encoder.reset() { gzip.append(box) }
    case .brotli where brotli.count < mostResting:
      if box.encoder.reset() { brotli.append(box) }
    default: break
    }
  }

  private mutating func resting(_ coding: ContentCoding) -> Boxed? {
    switch coding {
    case .gzip: gzip.popLast()
    case .brotli: brotli.popLast()
    }
  }

  /// Bytes held by encoders at rest.
  public var memoryAtRest: Int { (gzip + brotli).reduce(0) { $0 + $1.encoder.memory } }
}
