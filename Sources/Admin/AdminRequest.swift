import HTTPCore

/// A request as the server judges it: what its head says, and nothing that needs the connection's bytes any more.
struct AdminRequest: Sendable {
  let method: HTTPCore.Method
  /// The segments of its path, decoded one by one, so that a name may hold a slash.
  let path: [String]
  let query: [(name: String, value: String)]
  /// Without the port.
  let host: String?
  let authorization: [UInt8]?
  /// In lower case, without parameters.
  let contentType: String?
  let lastEventID: String?
  /// The media types that are taken, as they came.
  let accept: String
  let version: Version
  let keepsAlive: Bool
  let expectsContinue: Bool
  let framing: BodyFraming

  init(
    _ head: RequestHead, _ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer
  ) throws(AdminError) {
    func text(_ part: UnsafeRawBufferPointer?) -> String? { part.map { String(decoding: $0, as: UTF8.self) } }
    guard head.method != .connect, head.target.form != .asterisk else {
      throw AdminError(.badRequest, "a path expected")
    }
    method = head.method
    path = try PercentCoding.segments(of: bytes[head.target.path])
    query = try head.target.query.map { query throws(AdminError) in try PercentCoding.pairs(of: bytes[query]) } ?? []
    host = head.authority.flatMap { text(bytes[$0.host]) }
    authorization =
      fields.isRepeated(.authorization) ? nil : fields.value(of: .authorization, in: bytes).map { Array($0) }
    let type = fields.isRepeated(.contentType) ? nil : text(fields.value(of: .contentType, in: bytes))
    contentType = type.map { type in
      String(type.prefix { $0 != ";" && $0 != " " && $0 != "\t" }).lowercased()
    }
    let name: StaticString = "last-event-id"
    let event = fields.index(
      named: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), in: bytes)
    lastEventID = event.flatMap { text(bytes[fields[$0].value]) }
    var types: [String] = []
    var next = fields.index(of: .accept, from: 0)
    while let index = next {
      types.append(text(bytes[fields[index].value]) ?? "")
      next = fields.index(of: .accept, from: index + 1)
    }
    accept = types.joined(separator: ", ")
    version = head.version
    keepsAlive = head.keepsAlive
    expectsContinue = head.expectsContinue
    framing = head.framing
  }

  /// The first value of a query's name.
  func value(of name: String) -> String? { query.first { $0.name == name }?.value }

  /// Whether it asks for nothing but an answer.
  var isSafe: Bool { method == .get || method == .head }
}
