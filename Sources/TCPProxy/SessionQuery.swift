import Base

/// Which sessions somebody wants to see, and where the page begins.
public struct SessionQuery: Sendable {
  /// So many at most.
  public var limit = 100
  /// The last of the page before.
  public var after: SessionKey?
  public var listener: String?
  public var pool: String?
  public var backend: String?
  public var client: IPAddress?

  public static let mostEntries = 1000

  public init() {}
}

/// Names a session, and puts all of them in order: the oldest first.
public struct SessionKey: Comparable, Sendable, BitwiseCopyable {
  /// When it was accepted.
  public let begun: UInt64
  let worker: UInt32
  /// It is a client that speaks HTTP, in a slab of its own.
  let isHTTPClient: Bool
  let handle: Handle

  public static func < (left: SessionKey, right: SessionKey) -> Bool { left.order < right.order }

  private var order: (UInt64, UInt64, UInt64) {
    (begun, UInt64(worker) << 1 | (isHTTPClient ? 1 : 0), UInt64(handle.slot) << 32 | UInt64(handle.generation))
  }

  /// `1-42-7`, with an h behind it for a client that speaks HTTP.
  public var id: String { "\(worker)-\(handle.slot)-\(handle.generation)\(isHTTPClient ? "h" : "")" }

  /// What a reader hands back to get the next page: `123456789-1-42-7`.
  public var cursor: String { "\(begun)-\(id)" }

  init(begun: Instant, worker: Int, isHTTPClient: Bool, handle: Handle) {
    self.begun = begun.nanoseconds
    self.worker = UInt32(truncatingIfNeeded: worker)
    self.isHTTPClient = isHTTPClient
    self.handle = handle
  }

  /// Nil where the text is no cursor.
  public init?(cursor: String) {
    var text = cursor[...]
    let isHTTPClient = text.hasSuffix("h")
    if isHTTPClient { text = text.dropLast() }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 4, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let begun = UInt64(parts[0]), let worker = UInt32(parts[1]), let slot = UInt32(parts[2]),
      let generation = UInt32(parts[3])
    else { return nil }
    self.begun = begun
    self.worker = worker
    self.isHTTPClient = isHTTPClient
    handle = Handle(slot: slot, generation: generation)
  }
}

extension SessionQuery {
  func admits(_ listener: String, _ pool: String?, _ backend: String?, _ client: IPAddress?) -> Bool {
    if let wanted = self.listener, wanted != listener { return false }
    if let wanted = self.pool, wanted != pool { return false }
    if let wanted = self.backend, wanted != backend { return false }
    if let wanted = self.client, wanted != client { return false }
    return true
  }
}
