/// One live session of `GET /v1/sessions`.
package struct LiveSession: Equatable, Sendable {
  package var id: String
  package var listener: String
  package var client: String
  package var pool: String?
  package var backend: String?
  package var state: String
  package var age: Double
  package var bytesIn: Double
  package var bytesOut: Double

  package init(_ reply: Reply) throws(Reply.Fault) {
    _ = try reply["id"].needText()
    id = reply["id"].safe
    listener = reply["listener"].safe
    client = reply["client"].safe
    pool = reply["pool"].isNull ? nil : reply["pool"].safe
    backend = reply["backend"].isNull ? nil : reply["backend"].safe
    state = reply["state"].safe
    age = reply["age"].number ?? 0
    bytesIn = reply["bytesFromClient"].number ?? 0
    bytesOut = reply["bytesToClient"].number ?? 0
  }
}

/// What `balancer sessions` prints.
package enum SessionText {
  package static func lines(_ sessions: [LiveSession], width: Int?) -> [StyledText] {
    var table = Table([
      .init("CLIENT", least: 16), .init("LISTENER", rank: 2, least: 8), .init("BACKEND", least: 12), .init("STATE"),
      .init("AGE", isRight: true), .init("IN", isRight: true), .init("OUT", isRight: true), .init("ID", rank: 3),
    ])
    for session in sessions {
      let target = [session.pool, session.backend].compactMap { $0 }.joined(separator: "/")
      table.add([
        StyledText(session.client), StyledText(session.listener), StyledText(target.isEmpty ? "-" : target),
        StyledText(session.state), StyledText(Figures.age(session.age)), StyledText(Figures.bytes(session.bytesIn)),
        StyledText(Figures.bytes(session.bytesOut)), StyledText(session.id),
      ])
    }
    return table.lines(width: width)
  }
}
