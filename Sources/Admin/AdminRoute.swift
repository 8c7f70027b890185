import HTTPCore

/// What a request asks for.
enum AdminRoute: Equatable, Sendable {
  case file(DashboardFile)
  case events(after: UInt64?)
  /// What the control thread knows or does.
  case task(AdminTask)

  /// Whether it is there for everybody who may connect: probes of other programs have no token, and a browser asks for
  /// the page before it can show one.
  var isPublic: Bool {
    switch self {
    case .file, .task(.live), .task(.ready): true
    case .events, .task: false
    }
  }
}

/// What the control thread is asked for.
public enum AdminTask: Equatable, Sendable {
  /// Whether it answers at all.
  case live
  case ready
  case status
  case configuration
  case sessions(SessionsQuery)
  /// With the formats that the client takes.
  case metrics(accept: String)
  case reload
  /// The bytes of a balancer.json.
  case check([UInt8])
  case steer(pool: String, backend: String, Steering)

  /// What is to become of a backend.
  public enum Steering: Equatable, Sendable {
    case drain, disable, enable
    /// The body, with the weight in it.
    case weight([UInt8])
    /// The file's weight again.
    case ownWeight
  }

  /// The same with the body of its request.
  func with(body: [UInt8]) -> AdminTask {
    switch self {
    case .check: .check(body)
    case .steer(let pool, let backend, .weight): .steer(pool: pool, backend: backend, .weight(body))
    default: self
    }
  }
}

extension AdminRoute {
  /// What there is at a path, by the method.
  private static func table(_ request: AdminRequest) throws(AdminError) -> [(HTTPCore.Method, AdminRoute)] {
    let path = request.path
    switch path.count {
    case 0: return [(.get, .file(.page))]
    case 1:
      switch path[0] {
      case "dashboard.css": return [(.get, .file(.style))]
      case "dashboard.js": return [(.get, .file(.script))]
      case "healthz": return [(.get, .task(.live))]
      case "readyz": return [(.get, .task(.ready))]
      case "metrics": return [(.get, .task(.metrics(accept: request.accept)))]
      default: return []
      }
    case 2 where path[0] == "v1":
      switch path[1] {
      case "status": return [(.get, .task(.status))]
      case "config": return [(.get, .task(.configuration))]
      case "sessions": return [(.get, .task(.sessions(try SessionsQuery(request))))]
      case "events": return [(.get, .events(after: try after(request)))]
      case "reload": return [(.post, .task(.reload))]
      case "check": return [(.post, .task(.check([])))]
      default: return []
      }
    case 6 where path[0] == "v1" && path[1] == "pools" && path[3] == "backends":
      func steer(_ steering: AdminTask.Steering) -> AdminRoute {
        .task(.steer(pool: path[2], backend: path[4], steering))
      }
      switch path[5] {
      case "drain": return [(.post, steer(.drain))]
      case "disable": return [(.post, steer(.disable))]
      case "enable": return [(.post, steer(.enable))]
      case "weight": return [(.put, steer(.weight([]))), (.delete, steer(.ownWeight))]
      default: return []
      }
    default: return []
    }
  }

  /// The last event that a reader has seen (Server-sent events, 9.2.4).
  private static func after(_ request: AdminRequest) throws(AdminError) -> UInt64? {
    guard let text = request.lastEventID ?? request.value(of: "after"), !text.isEmpty else { return nil }
    guard let id = UInt64(text) else {
      throw AdminError(.badRequest, "the id of an event is a number")
    }
    return id
  }

  /// - Parameter hasDashboard: whether there is a page.
  static func find(_ request: AdminRequest, hasDashboard: Bool) throws(AdminError) -> AdminRoute {
    let table = try table(request)
    let nothing = AdminError(.notFound, "there is nothing at this path; docs/admin-api.md says what there is")
    guard let first = table.first else { throw nothing }
    if case .file = first.1, !hasDashboard { throw nothing }
    let method = request.method == .head ? HTTPCore.Method.get : request.method
    guard let route = table.first(where: { $0.0 == method })?.1 else {
      throw .methodNotAllowed(table.flatMap { $0.0 == .get ? ["GET", "HEAD"] : ["\($0.0.name)"] })
    }
    return route
  }
}
