import Admin
import Balancing
import Health

/// What the other threads tell the control thread.
enum ControlMessage: Sendable {
  /// A check of a backend has brought something to light.
  case health(HealthTarget, HealthReport)
  /// The `Outcomes` of a backend are to be taken; with the cause of a failure.
  case outcome(Backend, cause: String?)
  /// Files that TLS was built from have changed; the generation of what was watched.
  case renewal(generation: Int, TLSRenewal)
  /// Something went wrong for a session: see `Incidents`.
  case incident
  /// The admin server wants to know or to change something.
  case admin(AdminQuestion)
  /// A worker that drains has no session left.
  case drained
}
