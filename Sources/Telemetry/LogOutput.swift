import Base
import Logging
import Synchronization

/// Where all loggers write, and how: the level and the format may change while the program runs, and change for all.
public final class LogOutput: Sendable {
  public enum Format: Int, Sendable {
    /// `2026-11-22T16:31:05.123Z warning health web/127.0.0.1:9002 DOWN …`
    case text
    /// One object a line.
    case json
  }

  private let levelIndex: Atomic<Int>
  private let formatIndex: Atomic<Int>
  let clock: @Sendable () -> WallTime
  let sink: @Sendable (String) -> Void
  let tap: Tap?

  /// Hears what one component says, whatever the level and the format of the log.
  public struct Tap: Sendable {
    let component: String
    let level: Logger.Level
    let hear: @Sendable (String) -> Void

    /// - Parameters:
    ///   - level: the least important that is heard.
    ///   - hear: takes one JSON object on one line: as the log has it, with the `message` of a line in text.
    public init(component: String, level: Logger.Level, hear: @escaping @Sendable (String) -> Void) {
      self.component = component
      self.level = level
      self.hear = hear
    }
  }

  /// - Parameters:
  ///   - clock: the time that stands in a line.
  ///   - sink: takes one line, its newline included, from any thread.
  public init(
    level: Logger.Level = .info, format: Format = .text, clock: @escaping @Sendable () -> WallTime,
    tap: Tap? = nil, sink: @escaping @Sendable (String) -> Void
  ) {
    self.tap = tap
    levelIndex = Atomic(Self.index(of: level))
    formatIndex = Atomic(format.rawValue)
    self.clock = clock
    self.sink = sink
  }

  public var level: Logger.Level {
    get { Logger.Level.allCases[levelIndex.load(ordering: .relaxed)] }
    set { levelIndex.store(Self.index(of: newValue), ordering: .relaxed) }
  }

  public var format: Format {
    get { Format(rawValue: formatIndex.load(ordering: .relaxed)) ?? .text }
    set { formatIndex.store(newValue.rawValue, ordering: .relaxed) }
  }

  /// A logger of a component: `health`, `reload`, `listener` …
  public func logger(_ component: String) -> Logger {
    Logger(label: component) { BalancerLogHandler(label: $0, output: self) }
  }

  private static func index(of level: Logger.Level) -> Int {
    Logger.Level.allCases.firstIndex(of: level) ?? 0
  }
}
