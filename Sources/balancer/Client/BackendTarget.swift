import AdminClient
import Base
import Configuration
import Console
import HTTPCore

/// POOL/BACKEND as the command line has it, and what is asked about it.
struct BackendTarget: Sendable {
  let pool: String
  let backend: String

  var text: String { "\(pool)/\(backend)" }
  private var path: String { "/v1/pools/\(Question.segment(pool))/backends/\(Question.segment(backend))" }

  /// A pool's name has no slash; a backend's may.
  init?(_ text: String) {
    guard let slash = text.firstIndex(of: "/") else { return nil }
    pool = String(text[..<slash])
    backend = String(text[text.index(after: slash)...])
    if pool.isEmpty || backend.isEmpty { return nil }
  }

  /// - Throws: where the text names nothing, with what it may have been meant to name.
  static func find(_ text: String, _ access: AdminAccess) throws(AdminAccess.Failure) -> BackendTarget {
    if let target = BackendTarget(text) { return target }
    throw AdminAccess.Failure(ExitStatus.usage, unknown(text, try access.status()))
  }

  /// Has something changed about it.
  /// - Parameter what: `drain`, `enable`, `disable` or `weight`.
  func change(
    _ what: String, _ method: Method = .post, body: String? = nil, by access: AdminAccess
  ) throws(AdminAccess.Failure) -> BackendStatus {
    let answer = try access.askWhatever(Question(method, "\(path)/\(what)", body: body))
    if answer.status == 404 {
      // The server knows what it has not got; what is nearest to it in all pools is known here.
      throw AdminAccess.Failure(ExitStatus.usage, Self.unknown(text, try access.status()))
    }
    guard answer.isSuccess else { throw access.refusal(answer) }
    do { return try BackendStatus(Reply(answer.body), pool: pool) } catch { throw access.unreadable(error) }
  }

  /// nil when there is none any more.
  func status(_ access: AdminAccess) throws(AdminAccess.Failure) -> BackendStatus? {
    try access.status().backends.first { $0.path == text }
  }

  private static func unknown(_ text: String, _ status: Status) -> String {
    let names = status.backends.map(\.path)
    var message = "there is no backend \(text.quoted)"
    // The backend's name alone, where it is one pool's.
    let short = status.backends.filter { $0.name == text }.map(\.path)
    if let near = Suggestions.nearest(to: text, among: names) ?? (short.count == 1 ? short[0] : nil) {
      message += " (did you mean \(near)?)"
    } else if names.count <= 10 {
      message += ": there are \(names.joined(separator: ", "))"
    } else {
      message += ": POOL/BACKEND expected, as `balancer status` lists them"
    }
    return message
  }
}
