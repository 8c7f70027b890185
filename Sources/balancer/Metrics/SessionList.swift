import Admin
import Base
import Reactor
import TCPProxy
import Telemetry

/// `/v1/sessions`: asked of the workers, who answer in their own time.
extension Supervisor {
  func listSessions(_ asked: SessionsQuery, _ ticket: AdminTicket) throws(AdminError) {
    var query = SessionQuery()
    query.limit = asked.limit
    if let after = asked.after {
      guard let key = SessionKey(cursor: after) else {
        throw AdminError(.badRequest, "after is the next of another page")
      }
      query.after = key
    }
    query.listener = asked.listener
    query.pool = asked.pool
    query.backend = asked.backend
    query.client = asked.client
    let server = admin.server
    workers.listSessions(query) { page in
      server.answer(ticket, .json { Self.document(page, now: Clock.now) })
    }
  }

  private static func document(_ page: SessionPage, now: Instant) -> String {
    var object = JSONObject()
    object.add("sessions", page.sessions.map { json($0, now: now) })
    object.add("next", page.next?.cursor)
    return object.closed()
  }

  private static func json(_ session: SessionEntry, now: Instant) -> JSONObject {
    var object = JSONObject()
    object.add("id", session.key.id)
    object.add("listener", session.listener)
    object.add("mode", session.isHTTP ? "http" : "tcp")
    object.add("client", session.client?.description)
    object.add("pool", session.pool)
    object.add("backend", session.backend)
    object.add("state", session.state.rawValue)
    let age = now - Instant(nanoseconds: session.key.begun)
    object.add("age", seconds: max(age, .zero))
    object.add("bytesFromClient", session.bytesFromClient)
    object.add("bytesToClient", session.bytesToClient)
    return object
  }
}
