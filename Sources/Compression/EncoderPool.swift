/// The encoders of one worker: those that rest are kept for the next responses, a bounded number of each coding.
///
/// An encoder holds some hundred KiB, so the number at work is bounded too: past it responses go out as they are.
public struct EncoderPool: ~Copyable {
  /// Of both codings together, at work and at rest.
  public let most: Int
  /// At work now.
  public private(set) var working = 0
  /// Encoders that were refused because `most` were at work, or the memory was missing.
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
  ///   - most: encoders at work at once.
  ///   - mostResting: of each coding, kept without work.
  public init(most: Int = 256, mostResting: Int = 16) {
    self.most = most
    self.mostResting = mostResting
    gzip.reserveCapacity(mostResting)
    brotli.reserveCapacity(mostResting)
  }

  /// An encoder at the start of a stream; nil when too many are at work: answer without compression.
  public mutating func take(_ coding: ContentCoding) -> Loan? {
    guard working < most, let box = resting(coding) ?? Boxed(coding) else {
      refused += 1
      return nil
    }
    working += 1
    return Loan(box: box)
  }

  public mutating func give(back loan: consuming Loan) {
    working -= 1
    let box = unsafeDowncast(loan.box, to: Boxed.self)
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
