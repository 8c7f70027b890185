/// How many connections a limit of open files carries (RLIMIT_NOFILE, getrlimit(2)).
///
/// A session has two descriptors, the client's and the backend's. What the program needs besides is set aside, so that
/// checks, reloads and logs go on when every session is taken.
public enum DescriptorBudget {
  public static let perSession = 2
  /// Standard streams, the logs, signals, mailboxes and pollers of the control, health, log and certificate threads; the
  /// configuration and certificates while they are read and name look-ups.
  public static let process = 30
  /// A worker's poller and its mailbox, the ends of its pipe, and a client that is handed to another worker.
  public static let perWorker = 6
  /// A listener's address has a socket in each worker.
  public static let perListenAddress = 1
  /// The connection of a backend's check.
  public static let perCheck = 1
  /// A script that checks a backend: its end and its output.
  public static let perScript = 2
  /// A spare connection: a worker keeps so many as its pool's `prewarm` says for each backend.
  public static let perSpare = 1

  /// The admin server: its poller, its mailbox and addresses, and its 64 connections.
  public static let admin = 72

  /// What is set aside for everything that is no session.
  public static func reserve(for configuration: Configuration, workers: Int) -> Int {
    let addresses = configuration.listeners.reduce(0) { $0 + $1.listen.count }
    let checks = configuration.pools.reduce(0) { sum, pool in
      sum + pool.backends.count * (pool.health?.type == .script ? perScript : perCheck)
    }
    let spares = configuration.pools.reduce(0) { $0 + $1.backends.count * $1.prewarm * perSpare }
    return process + (configuration.admin == nil ? 0 : admin) + workers
      * (perWorker + addresses * perListenAddress + spares) + checks
  }

  /// Client connections at once that `descriptors` open files carry. With `limits.connections` on `auto` this is the
  /// limit that holds.
  public static func connectionsCarried(
    byDescriptors descriptors: Int, for configuration: Configuration, workers: Int
  ) -> Int {
    let reserve = reserve(for: configuration, workers: workers)
    return descriptors > reserve ? (descriptors - reserve) / perSession : 0
  }

  /// The open files that so many connections need.
  public static func descriptorsNeeded(
    forConnections connections: Int, for configuration: Configuration, workers: Int
  ) -> Int {
    connections * perSession + reserve(for: configuration, workers: workers)
  }
}

extension Configuration {
  /// Client connections at once that the program lets in: `limits.connections`, or what the open files carry. A
  /// number in the file holds even where they do not carry it; `ConfigurationAdvice` warns of that.
  public func connectionLimit(workers: Int, descriptors: Int) -> Int {
    limits.connections
      ?? max(1, DescriptorBudget.connectionsCarried(byDescriptors: descriptors, for: self, workers: workers))
  }
}
