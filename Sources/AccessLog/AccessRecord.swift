import Base

/// What the access log tells of one exchange. Its texts are lent: it lives no longer than the bytes do.
public struct AccessRecord {
  /// What needs no bytes of its own. Times are in microseconds.
  public struct Facts: Sendable, BitwiseCopyable {
    /// When the first byte of the request came.
    public var time = WallTime(nanosecondsSinceEpoch: 0)
    public var client = IPAddress.anyIPv6
    public var clientPort: UInt16 = 0
    /// 0 when nothing was answered.
    public var status: UInt16 = 0
    /// 9 for HTTP/0.9, 10 for HTTP/1.0, 11 for HTTP/1.1, 20 for HTTP/2; 0 when it is not known.
    public var version: UInt8 = 0
    public var ending = AccessEnding.completed
    public var isEncrypted = false
    /// Backends that were tried again.
    public var retries: UInt8 = 0
    /// Bytes of the two bodies, as they went over the wire.
    public var bytesReceived: UInt64 = 0
    public var bytesSent: UInt64 = 0
    /// How long the exchange waited for a backend to be free.
    public var queue: UInt32? {
      get { Self.read(queueTime) }
      set { queueTime = Self.write(newValue) }
    }
    /// How long the connection to the backend took; nil when one was there already.
    public var connect: UInt32? {
      get { Self.read(connectTime) }
      set { connectTime = Self.write(newValue) }
    }
    /// From the end of the request's head to the first byte of the backend's answer.
    public var firstByte: UInt32? {
      get { Self.read(firstByteTime) }
      set { firstByteTime = Self.write(newValue) }
    }
    /// From the first byte of the request to the last of the answer.
    public var total: UInt64 = 0

    private var queueTime = UInt32.max
    private var connectTime = UInt32.max
    private var firstByteTime = UInt32.max

    public init() {}

    private static func read(_ time: UInt32) -> UInt32? { time == .max ? nil : time }
    /// The largest number stands for none: 71 minutes and more are held at one less.
    private static func write(_ time: UInt32?) -> UInt32 { time.map { min($0, .max - 1) } ?? .max }
  }

  /// Bytes of one text that are kept. What is longer is cut, and ends in `…` in the log.
  public static let longestText = 4096

  public var facts: Facts
  /// Names of the configuration; empty where there was none yet.
  public var listener = AccessText.none
  public var pool = AccessText.none
  public var backend = AccessText.none
  /// What the client sent.
  public var method = AccessText.none
  public var target = AccessText.none
  public var host = AccessText.none
  public var referer = AccessText.none
  public var userAgent = AccessText.none
  /// Of the credentials, once they were verified.
  public var user = AccessText.none
  public var requestID = AccessText.none

  public init(_ facts: Facts) { self.facts = facts }

  static let textCount = 10
}

/// Bytes of a record that may be missing, which is not the same as empty.
public struct AccessText {
  var bytes: UnsafeRawBufferPointer
  var isMissing: Bool
  /// The text was longer.
  var isCut = false

  public static var none: AccessText {
    AccessText(bytes: UnsafeRawBufferPointer(start: nil, count: 0), isMissing: true)
  }

  private init(bytes: UnsafeRawBufferPointer, isMissing: Bool) {
    self.bytes = bytes
    self.isMissing = isMissing
  }

  public init(_ bytes: UnsafeRawBufferPointer) {
    self.init(bytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(AccessRecord.longestText)), isMissing: false)
    isCut = bytes.count > AccessRecord.longestText
  }
}
