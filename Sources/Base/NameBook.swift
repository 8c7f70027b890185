/// What is known of host names, and when each is to be looked up again. It asks nobody itself.
///
/// The system's resolver does not tell how long an answer holds (getaddrinfo(3) has no TTL), so names are asked for at an
/// interval of our own. A name that fails keeps its last answer: a name server that is down must not take down what it
/// names.
public struct NameBook: Sendable {
  /// From an answer to the next look-up, give or take 10 %.
  public static let interval: Duration = .seconds(30)
  /// The same after a failure.
  public static let retryInterval: Duration = .seconds(5)

  /// What a look-up has brought.
  public enum Answer: Equatable, Sendable {
    case addresses([IPAddress])
    /// In words that name the host: `"db1.internal" cannot be resolved: Name or service not known`.
    case failed(String)
  }

  /// What an answer tells that was not known.
  public enum News: Equatable, Sendable {
    /// Other addresses than before; nil before the first answer.
    case changed(from: HostAddresses?, to: HostAddresses)
    /// It can be resolved again, after so long for which its last answer held.
    case recovered(after: Duration)
    /// It fails from now on. With addresses, these still hold.
    case failed(String, holding: HostAddresses?)
  }

  private struct Entry: Sendable {
    var addresses: HostAddresses?
    var failure: String?
    /// Since when it fails.
    var failingSince: Instant?
    /// Nil while a look-up is under way.
    var due: Instant? = .zero
  }

  private var entries: [String: Entry] = [:]

  public init() {}

  /// All names, in alphabetical order.
  public var names: [String] { entries.keys.sorted() }

  public func addresses(of name: String) -> HostAddresses? { entries[name]?.addresses }

  /// Whether there was an answer, be it a failure.
  public func isAnswered(_ name: String) -> Bool {
    entries[name].map { $0.addresses != nil || $0.failure != nil } ?? false
  }

  /// Why a name has no addresses.
  public func problem(of name: String) -> String {
    entries[name]?.failure ?? "\"\(name)\" is not resolved yet"
  }

  // MARK: The names

  /// Takes in names that it has not; they are due at once.
  public mutating func add(_ names: some Sequence<String>) {
    for name in names where entries[name] == nil { entries[name] = Entry() }
  }

  /// Forgets all others.
  public mutating func keep(only names: Set<String>) { entries = entries.filter { names.contains($0.key) } }

  // MARK: Looking up

  /// When `takeDue` has something to give; nil while everything is under way.
  public var nextDue: Instant? { entries.values.compactMap(\.due).min() }

  /// The names to look up now; they are under way from here on.
  public mutating func takeDue(now: Instant) -> [String] {
    let due = entries.filter { $0.value.due.map { $0 <= now } ?? false }.keys.sorted()
    for name in due { entries[name]?.due = nil }
    return due
  }

  /// Makes all names due that are not under way.
  public mutating func askAll() {
    for name in entries.keys where entries[name]?.due != nil { entries[name]?.due = .zero }
  }

  /// Takes an answer. One to a name that is not in the book any more is dropped.
  /// - Parameter random: of the jitter.
  public mutating func take(_ answer: Answer, of name: String, now: Instant, random: UInt64) -> [News] {
    guard var entry = entries[name] else { return [] }
    defer { entries[name] = entry }
    var news: [News] = []
    let failure: String
    switch answer {
    case .addresses(let list):
      if let addresses = HostAddresses(list) {
        if let since = entry.failingSince, entry.addresses != nil { news.append(.recovered(after: now - since)) }
        if entry.addresses != addresses { news.append(.changed(from: entry.addresses, to: addresses)) }
        entry = Entry(addresses: addresses, due: now + Self.jittered(Self.interval, random))
        return news
      }
      failure = "\"\(name)\" has no address"
    case .failed(let text): failure = text
    }
    if entry.failingSince == nil {
      entry.failingSince = now
      entry.failure = failure
      news.append(.failed(failure, holding: entry.addresses))
    }
    entry.due = now + Self.jittered(Self.retryInterval, random)
    return news
  }

  private static func jittered(_ interval: Duration, _ random: UInt64) -> Duration {
    .nanoseconds(interval.nanoseconds / 10 * 9) + .nanoseconds(Int64(random % UInt64(interval.nanoseconds / 5)))
  }
}
