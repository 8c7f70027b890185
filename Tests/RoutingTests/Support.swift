import Base
import HTTPCore

@testable import Routing

/// A request as a client sends it, and what routes see of it.
struct Asked {
  var host = "www.example.com"
  var target = "/"
  var method = "GET"
  var fields: [(String, String)] = []
  var client = IPAddress("192.0.2.1")
  var serverName = ""

  /// Parses the head, brings the path into normal form, and hands out what a route is chosen by.
  func with<Value>(_ body: (RoutedRequest, borrowing FieldTable) -> Value) -> Value {
    let lines = fields.map { "\($0.0): \($0.1)\r\n" }.joined()
    let text = Array("\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n".utf8)
    return text.withUnsafeBytes { bytes in
      var table = FieldTable()
      var progress = HeadProgress()
      guard
        case .head(let head) = RequestHead.parse(
          bytes, limits: HeadLimits(bytes: 1 << 20, fields: 1000), progress: &progress, into: &table)
      else { fatalError("\(self) is no request") }
      let raw = bytes[head.target.path]
      var room = [UInt8](repeating: 0, count: PathNormalizer.room(for: raw))
      return room.withUnsafeMutableBytes { room in
        var path = raw
        if !raw.isEmpty {
          switch PathNormalizer.normalize(raw, encodedSlash: .keep, into: room) {
          case .unchanged: break
          case .normalized(let count): path = UnsafeRawBufferPointer(rebasing: room[..<count])
          case .refused(let fault): fatalError("\(self): \(fault)")
          case .needsRoom: fatalError("room")
          }
        }
        let name = Array(serverName.utf8)
        return name.withUnsafeBytes { name in
          body(
            RoutedRequest(
              host: head.authority.map { bytes[$0.host] } ?? RoutedRequest.nothing, path: path,
              query: head.target.query.map { bytes[$0] } ?? RoutedRequest.nothing, method: bytes[head.methodName],
              bytes: bytes, client: client, serverName: name), table)
        }
      }
    }
  }

  func find(in table: RouteTable) -> RouteTable.Answer {
    with { request, fields in
      var scratch = MatchScratch()
      return table.find(request, fields: fields, scratch: &scratch)
    }
  }
}

extension RouteMatch {
  init(
    _ hosts: [String] = [], path: String? = nil, prefix: String? = nil, regex: String? = nil, methods: [String] = [],
    fields: [(String, Value)] = [], parameters: [(String, Value)] = [], sources: [String] = [], names: [String] = []
  ) throws {
    self.init()
    self.hosts = try hosts.map { try HostPattern(parsing: $0) }
    self.path = path.map { .exact($0) } ?? prefix.map { .prefix($0) }
    pathExpression = try regex.map { try RegularExpression($0) }
    self.methods = methods
    self.fields = fields.map { (name: $0.0, value: $0.1) }
    self.parameters = parameters.map { (name: $0.0, value: $0.1) }
    self.sources = try sources.map { try CIDR(parsing: $0) }
    serverNames = try names.map { try SNIPattern(parsing: $0) }
  }
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
