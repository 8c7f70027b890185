import Routing

/// The routes of a listener, beside the pools that they lead to. Immutable: a reload makes new ones.
public final class HTTPRoutes: Sendable {
  public struct Entry: Sendable {
    let route: Route
    /// Of each share of the route.
    let destinations: [Destination]
    /// Where copies of its requests go; nil makes none.
    let mirror: Destination?
    /// Who may come; nil is everyone.
    let gate: Gate?

    public init(_ route: Route, _ destinations: [Destination], mirror: Destination? = nil, gate: Gate? = nil) {
      self.route = route
      self.destinations = destinations
      self.mirror = mirror
      self.gate = gate
    }
  }

  let table: RouteTable
  let entries: [Entry]

  /// - Parameter entries: by the indices that the table answers with.
  public init(_ table: RouteTable, _ entries: [Entry]) {
    self.table = table
    self.entries = entries
  }
}
