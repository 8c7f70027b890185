import Base

/// Whether a request is let through, and to what: decided from its head alone, so that nothing is spent on the body of
/// one that is not.
struct Gatekeeper: Sendable {
  let names: OwnNames
  let token: AccessToken?
  let hasDashboard: Bool

  init(_ settings: AdminSettings) {
    names = OwnNames(machine: settings.machine)
    token = settings.token
    hasDashboard = settings.hasDashboard
  }

  /// - Parameter local: the address that the connection was made to.
  func admit(_ request: AdminRequest, at local: SocketAddress) throws(AdminError) -> AdminRoute {
    guard names.contains(request.host, at: local) else {
      throw AdminError(.misdirected, "this server has another name than the Host field says")
    }
    let route: Result<AdminRoute, AdminError> = Result { () throws(AdminError) in
      try AdminRoute.find(request, hasDashboard: hasDashboard)
    }
    // Whoever has no token does not learn what there is.
    let isPublic = if case .success(let route) = route { route.isPublic } else { false }
    if let token, !isPublic, !(request.authorization.map { token.isShown(by: $0) } ?? false) {
      throw AdminError(
        .unauthorized, "the field \"Authorization: Bearer TOKEN\" expected, with the token of admin.token")
    }
    let found = try route.get()
    // No form of another page can send this type, and no script of one without being asked first (CORS).
    if !request.isSafe, request.contentType != "application/json" {
      throw AdminError(.unsupportedType, "a change needs the field \"Content-Type: application/json\"")
    }
    return found
  }
}
