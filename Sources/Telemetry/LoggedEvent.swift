import Logging

/// Something that happened, as the log tells it: a sentence for people and a JSON object for machines.
///
/// It travels through swift-log as metadata, so that any handler can print its sentence; `BalancerLogHandler` writes its
/// fields as well.
public protocol LoggedEvent: CustomStringConvertible, Sendable {
  /// The member `event` of the JSON object. Stable: whoever reads the log goes by it.
  static var name: String { get }

  var level: Logger.Level { get }

  /// What stands behind the component in a line of text.
  var description: String { get }

  /// Adds what follows `time`, `level` and `event`, always in the same order.
  func addFields(to object: inout JSONObject)
}

extension Logger {
  /// Logs an event at its own level.
  public func log(_ event: some LoggedEvent) {
    log(
      level: event.level, "\(event.description)",
      metadata: [BalancerLogHandler.eventKey: .stringConvertible(event)])
  }
}
