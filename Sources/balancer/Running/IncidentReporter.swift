import Base
import Logging
import TCPProxy

/// Turns what went wrong for single sessions into log lines: at once the first time, then at most once a second with
/// a count.
struct IncidentReporter {
  private static let rest: Duration = .seconds(1)

  private let logger: Logger
  /// Until then nothing is said; what happens meanwhile is counted.
  private(set) var restUntil: Instant?

  init(logger: Logger) { self.logger = logger }

  /// Something was counted, or the rest is over.
  mutating func report(_ incidents: Incidents, now: Instant) {
    if let restUntil, restUntil > now { return }
    let entries = incidents.take()
    sayExhausted(entries.filter { $0.kind == .exhausted })
    for entry in entries { say(entry) }
    restUntil = entries.isEmpty ? nil : now + Self.rest
  }

  private func say(_ entry: Incidents.Entry) {
    let clients = entry.count == 1 ? "a client was closed" : "\(entry.count) clients were closed within a second"
    // A session by a close, a request by an answer.
    let turnedAway =
      entry.count == 1 ? "a client was turned away" : "\(entry.count) clients were turned away within a second"
    let requests = entry.count == 1 ? "a request was" : "\(entry.count) requests were within a second"
    switch entry.kind {
    case .noBackend:
      logger.error("pool \(entry.subject): \(turnedAway), no backend is eligible: \(entry.cause)")
    case .connectsFailed:
      logger.error("pool \(entry.subject): \(turnedAway), no backend could be reached: \(entry.cause)")
    case .retryRefused:
      logger.error(
        "pool \(entry.subject): \(turnedAway) without a retry, retryBudget allows no more of them at once: \(entry.cause)"
      )
    case .refused:
      logger.notice("listener \(entry.subject): \(turnedAway): \(entry.cause)")
    case .badGreeting, .unread:
      logger.warning("listener \(entry.subject): \(clients): \(entry.cause)")
    case .noRoute:
      logger.warning("listener \(entry.subject): \(clients): \(entry.cause), and it has no pool for the rest")
    case .handshakeFailed:
      logger.warning("listener \(entry.subject): \(clients), the TLS handshake failed: \(entry.cause)")
    case .tlsBroken:
      logger.warning("\(entry.subject): \(clients), TLS failed within the session: \(entry.cause)")
    case .badRequest:
      logger.warning("listener \(entry.subject): \(requests) refused: \(entry.cause)")
    case .badResponse:
      logger.error("pool \(entry.subject): \(requests) without a good response: \(entry.cause)")
    case .mirrorDropped:
      let copies = entry.count == 1 ? "a copy of a request was" : "\(entry.count) copies of requests were"
      logger.warning("pool \(entry.subject): \(copies) dropped, of which no client notices: \(entry.cause)")
    case .exhausted: break
    case .adminRefused:
      logger.warning(
        "\(entry.subject): \(entry.cause)\(entry.count == 1 ? "" : " (\(entry.count) times within a second)")")
    case .atLimit:
      logger.warning("\(entry.subject) is \(entry.cause): further clients wait in the backlog")
    case .failed:
      logger.error(
        "\(entry.subject): \(entry.cause)\(entry.count == 1 ? "" : " (\(entry.count) times within a second)")")
    }
  }

  /// One line for all that the same shortage does.
  private func sayExhausted(_ entries: [Incidents.Entry]) {
    guard let cause = entries.last?.cause else { return }
    var effects: [String] = []
    if entries.contains(where: { $0.subject != Incidents.checks }) {
      effects.append("accepting pauses, clients wait in the backlog")
    }
    if let skipped = entries.first(where: { $0.subject == Incidents.checks })?.count {
      effects.append("\(skipped) \(skipped == 1 ? "check" : "checks") skipped, the backends' health stays as it is")
    }
    logger.error(
      """
      \(effects.joined(separator: "; ")): \(cause); raise the descriptor limit (ulimit -n, LimitNOFILE=) or lower \
      limits.connections
      """)
  }
}
