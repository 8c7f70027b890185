import Base
import Reactor
import Synchronization

/// Writes the access log on a thread of its own: takes records out of the workers' rings, makes lines of them and appends
/// them to a file. However slow the disk is, no worker waits; what does not fit into a ring meanwhile is dropped and said.
public final class AccessLogWriter: Sendable {
  public struct Settings: Equatable, Sendable {
    public enum Destination: Equatable, Sendable {
      case standardOutput
      case file(String)
    }

    public var destination: Destination
    public var format: AccessFormat

    public init(_ destination: Destination, _ format: AccessFormat) {
      self.destination = destination
      self.format = format
    }
  }

  /// What the operator has to know of the log itself. Each is said once a second at most.
  public enum News: Equatable, Sendable, CustomStringConvertible {
    /// So many records since it was said last.
    case dropped(UInt64)
    /// Lines were lost, because of this.
    case unwritable(AccessLogError)
    /// The file stays the one it was.
    case notReopened(AccessLogError)

    public var description: String {
      switch self {
      case .dropped(let count):
        "\(count) records of the access log were dropped: it could not be written fast enough (is the disk slow? a smaller log.access.sample writes less)"
      case .unwritable(let error): "the access log could not be written, lines are lost: \(error)"
      case .notReopened(let error): "the access log stays the file it was: \(error)"
      }
    }
  }

  /// How long a thread that has just written gathers before it writes again: lines appear within that time, and one wake-up
  /// serves all records of it.
  private static let rest: Int32 = 50
  /// Bytes that are gathered for one write(2).
  private static let batch = 1 << 16

  /// What the thread is doing, and so whether a worker has to wake it.
  private enum Mood {
    static let awake: UInt8 = 0
    /// Gathers: only a ring that is half full is a reason.
    static let resting: UInt8 = 1
    static let asleep: UInt8 = 2
  }

  private struct Orders {
    var settings: Settings
    var mustOpen = false
    var isStopping = false
  }

  private let rings: [AccessRing]
  private let orders: Mutex<Orders>
  private let mood = Atomic<UInt8>(Mood.awake)
  private let lines = Atomic<UInt64>(0)
  private let wake: Mailbox<Void>
  private let finished: Mailbox<Void>
  private let tell: @Sendable (News) -> Void

  /// - Parameters:
  ///   - workers: how many write.
  ///   - capacity: bytes of each one's ring; see `AccessRing`.
  ///   - tell: called on the log's thread.
  /// - Throws: when the file cannot be opened.
  public init(
    _ settings: Settings, workers: Int, capacity: Int = 1 << 20, tell: @escaping @Sendable (News) -> Void
  ) throws(AccessLogError) {
    rings = (0..<workers).map { _ in AccessRing(capacity: capacity) }
    orders = Mutex(Orders(settings: settings))
    self.tell = tell
    do throws(SystemError) {
      wake = try Mailbox()
      finished = try Mailbox()
    } catch {
      throw AccessLogError(settings.destination, error)
    }
    let output = try Self.open(settings.destination).release()
    do throws(SystemError) {
      _ = try Thread(name: "access log") { [self] in run(Descriptor(adopting: output)) }
    } catch {
      _ = Descriptor(adopting: output)
      throw AccessLogError(settings.destination, error)
    }
  }

  /// Lines written so far.
  public var written: UInt64 { lines.load(ordering: .relaxed) }
  /// Records dropped so far.
  public var dropped: UInt64 { rings.reduce(0) { $0 + $1.dropped } }

  /// Takes a record of a worker; never blocks, and makes a system call only when the log's thread sleeps.
  /// - Parameter worker: 0 and up; each is used by one thread.
  public func write(_ record: borrowing AccessRecord, worker: Int) {
    let ring = rings[worker]
    let isWritten = ring.write(record)
    let mood = mood.load(ordering: .sequentiallyConsistent)
    guard mood == Mood.asleep || (mood == Mood.resting && (!isWritten || ring.waiting > ring.capacity / 2)) else {
      return
    }
    if self.mood.compareExchange(expected: mood, desired: Mood.awake, ordering: .sequentiallyConsistent).exchanged {
      wake.post(())
    }
  }

  /// Opens the file again under its name: after it was moved away (SIGUSR1).
  public func reopen() {
    orders.withLock { $0.mustOpen = true }
    wake.post(())
  }

  /// Goes on with other settings.
  /// - Throws: when the new file cannot be opened; then nothing has changed.
  public func apply(_ settings: Settings) throws(AccessLogError) {
    _ = try Self.open(settings.destination)
    orders.withLock { orders in
      orders.mustOpen = orders.mustOpen || settings.destination != orders.settings.destination
      orders.settings = settings
    }
    wake.post(())
  }

  /// Writes what waits, for so many milliseconds at most, and ends the thread. Nobody writes any more.
  /// - Returns: false when the time was over first.
  @discardableResult
  public func finish(limit: Int32 = 2000) -> Bool {
    orders.withLock { $0.isStopping = true }
    wake.post(())
    return finished.wait(milliseconds: limit)
  }

  private static func open(_ destination: Settings.Destination) throws(AccessLogError) -> Descriptor {
    do throws(SystemError) {
      switch destination {
      case .standardOutput: return try Descriptor.standardOutput()
      case .file(let path): return try Descriptor.appending(to: path)
      }
    } catch {
      throw AccessLogError(destination, error)
    }
  }

  // MARK: The thread

  private func run(_ first: consuming Descriptor) {
    var output = first
    var gathered = LineBuffer(capacity: 2 * Self.batch)
    var news = NewsDesk(tell: tell)
    while true {
      _ = wake.take()
      let orders = orders.withLock { orders in
        let taken = orders
        orders.mustOpen = false
        return taken
      }
      if orders.mustOpen {
        do throws(AccessLogError) { output = try Self.open(orders.settings.destination) } catch {
          news.add(notReopened: error)
        }
      }
      let count = writeAll(orders.settings, to: output, &gathered, &news)
      if orders.isStopping {
        news.publish(dropped: dropped, at: nil)
        finished.post(())
        return
      }
      news.publish(dropped: dropped, at: Clock.now)
      if count > 0 || news.isHolding {
        mood.store(Mood.resting, ordering: .sequentiallyConsistent)
        wake.wait(milliseconds: Self.rest)
      } else {
        mood.store(Mood.asleep, ordering: .sequentiallyConsistent)
        // What came before a worker could see that we sleep.
        if rings.allSatisfy({ $0.isEmpty }) { wake.wait() }
      }
      mood.store(Mood.awake, ordering: .sequentiallyConsistent)
    }
  }

  /// Empties the rings as they are now.
  /// - Returns: how many records there were.
  private func writeAll(
    _ settings: Settings, to output: borrowing Descriptor, _ gathered: inout LineBuffer, _ news: inout NewsDesk
  ) -> Int {
    var total = 0
    for ring in rings {
      var count: Int
      repeat {
        gathered.clear()
        count = ring.drain { record in
          settings.format.write(record, to: &gathered)
          return gathered.bytes.count < Self.batch
        }
        if count == 0 { break }
        do throws(SystemError) {
          try gathered.writeOut(to: output)
          lines.wrappingAdd(UInt64(count), ordering: .relaxed)
        } catch {
          news.add(unwritable: AccessLogError(settings.destination, error))
        }
        total += count
        // A ring that is filled as fast as it is emptied must not keep the others waiting.
      } while gathered.bytes.count >= Self.batch && total < 100_000
    }
    return total
  }
}

extension LineBuffer {
  borrowing func writeOut(to output: borrowing Descriptor) throws(SystemError) {
    var failure: SystemError?
    bytes.withUnsafeBytes { bytes in
      do throws(SystemError) { try output.writeAll(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}

/// Says at most once a second what is wrong.
private struct NewsDesk {
  let tell: @Sendable (AccessLogWriter.News) -> Void
  private var unwritable: AccessLogError?
  private var notReopened: AccessLogError?
  private var saidDropped: UInt64 = 0
  private var next = Instant.zero
  /// Something waits to be said.
  private(set) var isHolding = false

  init(tell: @escaping @Sendable (AccessLogWriter.News) -> Void) { self.tell = tell }

  mutating func add(unwritable error: AccessLogError) { unwritable = error }
  mutating func add(notReopened error: AccessLogError) { notReopened = error }

  /// - Parameter now: nil: the last words, at once.
  mutating func publish(dropped: UInt64, at now: Instant?) {
    isHolding = unwritable != nil || notReopened != nil || dropped != saidDropped
    guard isHolding else { return }
    if let now {
      guard now >= next else { return }
      next = now + .seconds(1)
    }
    isHolding = false
    if dropped != saidDropped {
      tell(.dropped(dropped - saidDropped))
      saidDropped = dropped
    }
    if let error = unwritable { tell(.unwritable(error)) }
    if let error = notReopened { tell(.notReopened(error)) }
    unwritable = nil
    notReopened = nil
  }
}

/// Why the access log cannot be written.
public struct AccessLogError: Error, Equatable, CustomStringConvertible {
  public let destination: AccessLogWriter.Settings.Destination
  public let error: SystemError

  init(_ destination: AccessLogWriter.Settings.Destination, _ error: SystemError) {
    self.destination = destination
    self.error = error
  }

  public var description: String {
    switch destination {
    case .standardOutput: "log.access: standard output: \(error)"
    case .file(let path): "log.access.file: \(path): \(error)"
    }
  }
}
