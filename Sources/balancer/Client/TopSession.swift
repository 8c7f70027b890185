import Base
import Console
import Glibc
import Reactor

/// `balancer top` on a terminal: takes the screen, turns keys, signals and statuses into pictures, and gives the screen back
/// however it ends.
struct TopSession: ~Copyable {
  private enum Token: UInt64 {
    case keys, signals, news
  }

  /// After an escape with nothing behind it.
  private static let escapeLimit: Int32 = 50
  private static let endings = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  private var model: TopModel
  private let address: String
  private let style: TerminalStyle
  private let feed: TopFeed
  private let signals: SignalSource
  private let poller: Poller
  private var screen: TerminalScreen
  private var decoder = KeyDecoder()
  private var size: (columns: Int, rows: Int)

  init(_ model: TopModel, _ access: AdminAccess) throws(SystemError) {
    // Before the first thread, which would else be given the signals.
    let signals = try SignalSource(Self.endings + [SIGTSTP, SIGCONT, SIGWINCH])
    let feed = try TopFeed(access)
    let poller = try Poller(capacity: 8)
    try poller.add(0, .readable, token: Token.keys.rawValue)
    try poller.add(signals.descriptor, .readable, token: Token.signals.rawValue)
    try poller.add(feed.news.descriptor, .readable, token: Token.news.rawValue)
    let screen = try TerminalScreen()
    try feed.start(interval: model.interval)
    self.init(model, access.address, feed, signals, poller, screen)
  }

  private init(
    _ model: TopModel, _ address: String, _ feed: TopFeed, _ signals: consuming SignalSource,
    _ poller: consuming Poller,
    _ screen: consuming TerminalScreen
  ) {
    self.model = model
    self.address = address
    style = Output().style
    self.feed = feed
    self.signals = signals
    self.poller = poller
    self.screen = screen
    size = Terminal.size(of: 1) ?? (80, 24)
  }

  /// - Returns: the program's exit status.
  mutating func run() -> Int32 {
    screen.enter()
    while draw() {
      let count = poller.wait(timeout: decoder.isWaiting ? Self.escapeLimit : -1)
      if count == 0, let status = press(decoder.giveUp()) { return end(status) }
      for index in 0..<count {
        let status: Int32? =
          switch Token(rawValue: poller.event(at: index).token) {
          case .keys: readKeys()
          case .signals: takeSignal()
          case .news: takeNews()
          case nil: nil
          }
        if let status { return end(status) }
      }
    }
    return end(0)
  }

  private mutating func end(_ status: Int32) -> Int32 {
    screen.leave()
    return status
  }

  /// - Returns: false when the terminal is gone.
  private mutating func draw() -> Bool {
    let lines = TopScreen.lines(model, columns: size.columns, rows: size.rows, address: address)
    return screen.show(lines.map { style.render($0.padded(to: size.columns)) })
  }

  private mutating func readKeys() -> Int32? {
    var buffer = [UInt8](repeating: 0, count: 1024)
    let count = read(0, &buffer, buffer.count)
    // The terminal is gone.
    if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { return 0 }
    return press(decoder.take(buffer.prefix(max(0, count))))
  }

  private mutating func press(_ keys: [Key]) -> Int32? {
    for key in keys {
      let interval = model.interval
      switch model.press(key, page: TopScreen.page(rows: size.rows)) {
      case .quit: return 0
      case .refresh:
        screen.forget()
        feed.post(.refresh)
      case .act(let action, let name): feed.post(.act(action, name))
      case nil: break
      }
      if model.interval != interval { feed.post(.interval(model.interval)) }
    }
    return nil
  }

  private mutating func takeNews() -> Int32? {
    for news in feed.news.take() {
      switch news {
      case .status(let status): model.take(status)
      case .lost(let cause): model.lose(cause)
      case .done(let text): model.say(text, .good)
      case .refused(let text): model.say(text, .bad)
      }
    }
    return nil
  }

  private mutating func takeSignal() -> Int32? {
    while let signal = signals.take() {
      switch signal {
      // What the keyboard asks for is an ordinary end.
      case SIGINT: return 0
      case SIGTSTP:
        screen.leave()
        // The signal itself is blocked, so that it can be read; this one stops as well. Nothing goes on until SIGCONT.
        kill(getpid(), SIGSTOP)
        screen.enter()
      // Somebody else has stopped it, and the shell has used the terminal meanwhile.
      case SIGCONT: screen.enter()
      case SIGWINCH: break
      default: return 128 + signal
      }
      size = Terminal.size(of: 1) ?? size
      screen.forget()
    }
    return nil
  }
}
