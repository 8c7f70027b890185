import Base

/// Which sessions `/v1/sessions` is asked for.
public struct SessionsQuery: Equatable, Sendable {
  public var limit = 100
  /// The `next` of the page before.
  public var after: String?
  public var listener: String?
  public var pool: String?
  public var backend: String?
  public var client: IPAddress?

  init(_ request: AdminRequest) throws(AdminError) {
    let known = ["limit", "after", "listener", "pool", "backend", "client"]
    if let stranger = request.query.first(where: { !known.contains($0.name) }) {
      throw AdminError(
        .badRequest, "there is no filter \"\(stranger.name)\": \(known.joined(separator: ", ")) expected")
    }
    if let text = request.value(of: "limit") {
      guard let limit = Int(text), (1...1000).contains(limit) else {
        throw AdminError(.badRequest, "limit is a number from 1 to 1000")
      }
      self.limit = limit
    }
    if let text = request.value(of: "client") {
      guard let address = IPAddress(text) else {
        throw AdminError(.badRequest, "client is an address without a port, such as 192.0.2.7")
      }
      client = address
    }
    after = request.value(of: "after")
    listener = request.value(of: "listener")
    pool = request.value(of: "pool")
    backend = request.value(of: "backend")
  }
}
