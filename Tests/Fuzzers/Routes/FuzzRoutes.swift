import Base
import HTTPCore
import Routing

/// A table of routes, by itself, one by one, and among thousands of others.
private struct Routes: @unchecked Sendable {
  let matches: [RouteMatch]
  let table: RouteTable
  let each: [RouteTable]
  /// As many routes of other hosts before each of them and behind.
  let large: RouteTable
  let others = 300

  init() throws {
    var matches: [RouteMatch] = []
    func add(
      hosts: [String] = [], _ path: RouteMatch.Path? = nil, _ change: (inout RouteMatch) throws -> Void = { _ in }
    ) throws {
      var match = RouteMatch()
      match.hosts = hosts.compactMap { try? HostPattern(parsing: $0) }
      match.path = path
      try change(&match)
      matches.append(match)
    }
    try add(.prefix("/slow")) { $0.pathExpression = try RegularExpression("^/slow/(a+)+$") }
    try add { $0.fields = [("X-Slow", .regex(try RegularExpression("^(a|aa)+$")))] }
    try add(hosts: ["a.example", "*.b.example"], .exact("/a%2Fb"))
    try add(hosts: ["*.example"], .prefix("/a")) { $0.methods = ["GET", "PURGE"] }
    try add(hosts: ["192.0.2.1", "[2001:db8::1]"])
    try add(hosts: ["a.example"], .exact("/")) { $0.parameters = [("q", .present(false))] }
    try add(.prefix("/q")) { $0.parameters = [("q", .exact("a b")), ("r", .regex(try RegularExpression("^[0-9]+$")))] }
    try add(hosts: ["*.b.example"]) {
      $0.fields = [("X-A", .exact("1")), ("X-B", .present(false)), ("X-C", .regex(try RegularExpression("c$")))]
    }
    try add(.prefix("/inside")) { $0.sources = [try CIDR(parsing: "10.0.0.0/8"), try CIDR(parsing: "2001:db8::/32")] }
    try add { $0.serverNames = [try SNIPattern(parsing: "*.example"), try SNIPattern(parsing: "test")] }
    try add(.prefix("/a/b/")) { $0.pathExpression = try RegularExpression("\\.html$") }
    try add(hosts: ["b.example"], .prefix("/"))
    try add { $0.methods = ["OPTIONS", "get"] }
    self.matches = matches
    table = try RouteTable(matches)
    each = try matches.map { try RouteTable([$0]) }
    var many: [RouteMatch] = []
    for (index, match) in matches.enumerated() {
      for other in 0..<others {
        var stranger = RouteMatch()
        stranger.hosts = [try HostPattern(parsing: "\(other % 2 == 0 ? "*." : "")h\(index)-\(other).fuzz")]
        stranger.path = other % 3 == 0 ? nil : .prefix("/a/\(other)")
        many.append(stranger)
      }
      many.append(match)
    }
    large = try RouteTable(many)
  }
}

private let routes: Routes = {
  do { return try Routes() } catch { fatalError("\(error)") }
}()
private let clients = ["192.0.2.1", "10.1.2.3", "2001:db8::7", "::1"].map { IPAddress($0) } + [nil]
private let serverNames = ["", "www.example", "test", "example"].map { Array($0.utf8) }
private let rewrites: [PathRewrite] = {
  do {
    return [
      try PathRewrite(prefix: "/", replacement: "/new"),
      PathRewrite(try RegularExpression("^/([^/]*)/(.*)$"), target: "/$2/../$1"),
      PathRewrite(try RegularExpression("%2F|/"), target: "$0$0"),
    ]
  } catch { fatalError("\(error)") }
}()
private let target = RedirectTarget("https://{host}{path}{query}")

/// The first byte chooses the client and the server name of its TLS; the rest is a request. The route that takes it is the
/// first of those that take it alone, among few as among many, and what is made of its path is a path.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 1 else { return 0 }
  let bytes = UnsafeRawBufferPointer(start: start + 1, count: count - 1)
  var progress = HeadProgress()
  var fields = FieldTable(capacity: 8)
  guard case .head(let head) = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &fields) else {
    return 0
  }
  let path = bytes[head.target.path]
  withUnsafeTemporaryAllocation(byteCount: PathNormalizer.room(for: path), alignment: 1) { room in
    var request = RoutedRequest(path: bytes[head.target.whole], method: bytes[head.methodName], bytes: bytes)
    if head.target.form == .origin || head.target.form == .absolute {
      switch PathNormalizer.normalize(path, encodedSlash: start[0] & 0x80 == 0 ? .keep : .refuse, into: room) {
      case .unchanged: request.path = path
      case .normalized(let count): request.path = UnsafeRawBufferPointer(rebasing: room[..<count])
      case .needsRoom: fatalError("the room always suffices")
      case .refused: return
      }
    }
    if let authority = head.authority { request.host = bytes[authority.host] }
    if let query = head.target.query { request.query = bytes[query] }
    request.client = clients[Int(start[0] & 7) % clients.count]
    serverNames[Int(start[0] >> 3 & 3)].withUnsafeBytes { name in
      request.serverName = name
      find(request, fields)
    }
    change(request)
  }
  return 0
}

private func find(_ request: RoutedRequest, _ fields: borrowing FieldTable) {
  var scratch = MatchScratch()
  var expected = RouteTable.Answer.none
  for (index, route) in routes.each.enumerated() {
    let answer = route.find(request, fields: fields, scratch: &scratch)
    if answer == .none { continue }
    expected = answer == .route(0) ? .route(index) : .failed(index)
    break
  }
  precondition(routes.table.find(request, fields: fields, scratch: &scratch) == expected, "it goes by the others")
  let among: RouteTable.Answer =
    switch expected {
    case .none: .none
    case .route(let index): .route(index * (routes.others + 1) + routes.others)
    case .failed(let index): .failed(index * (routes.others + 1) + routes.others)
    }
  precondition(routes.large.find(request, fields: fields, scratch: &scratch) == among, "it goes by their number")
  if case .route(let index) = expected { precondition(takes(routes.matches[index], request), "it does not match") }
}

/// Whether what a route says of host, path, method and server name holds, on texts.
private func takes(_ route: RouteMatch, _ request: RoutedRequest) -> Bool {
  let path = String(decoding: request.path, as: UTF8.self)
  let isPath: Bool
  switch route.path {
  case nil: isPath = true
  case .exact(let exact): isPath = path == exact
  case .prefix(let prefix):
    let whole = prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix
    isPath = path == whole || path.hasPrefix(whole + "/")
  }
  var host = String(decoding: request.host, as: UTF8.self).lowercased()
  if host.hasSuffix(".") { host.removeLast() }
  let isHost =
    route.hosts.isEmpty || host.hasPrefix("[")
    || route.hosts.contains { $0.isWildcard ? host.hasSuffix("." + $0.name) : host == $0.name }
  let method = String(decoding: request.method, as: UTF8.self)
  let serverName = String(decoding: request.serverName, as: UTF8.self)
  let isServerName =
    route.serverNames.isEmpty
    || route.serverNames.contains { $0.isWildcard ? serverName.hasSuffix("." + $0.name) : serverName == $0.name }
  return isPath && isHost && isServerName && (route.methods.isEmpty || route.methods.contains(method))
}

/// What becomes of its path, and where it may be sent.
private func change(_ request: RoutedRequest) {
  var scratch = MatchScratch()
  var output: [UInt8] = []
  guard request.path.first == UInt8(ascii: "/") else { return }
  for rewrite in rewrites where rewrite.apply(to: request.path, scratch: &scratch, into: &output) == .rewritten {
    output.withUnsafeBytes { path in
      withUnsafeTemporaryAllocation(byteCount: PathNormalizer.room(for: path), alignment: 1) { room in
        switch PathNormalizer.normalize(path, encodedSlash: .keep, into: room) {
        case .unchanged: break
        case .normalized(let count): precondition(room[..<count].elementsEqual(path), "it is not in normal form")
        case .needsRoom, .refused: fatalError("no client could have sent it")
        }
      }
    }
  }
  if target.write(request, into: &output) {
    for byte in output { precondition(byte > 0x20 && byte != 0x7F, "it could end the line of Location") }
  }
}
