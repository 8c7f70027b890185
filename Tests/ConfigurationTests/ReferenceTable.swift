import Base
import Configuration

/// The tables of docs/configuration.md, made from the schema.
struct ReferenceTable {
  let title: String
  let text: String

  static let all: [ReferenceTable] = {
    let schema = JSONSchema.document
    func properties(_ keys: String...) -> JSONValue {
      keys.reduce(schema) { $0[$1]! }
    }
    return [
      ReferenceTable("top level", schema),
      ReferenceTable("listener", properties("$defs", "listener")),
      ReferenceTable("per client", properties("$defs", "perClient")),
      ReferenceTable("http", properties("$defs", "http")),
      ReferenceTable("compression", properties("$defs", "compression")),
      ReferenceTable("route", properties("$defs", "route")),
      ReferenceTable("match", properties("$defs", "match")),
      ReferenceTable("value match", properties("$defs", "valueMatch")),
      ReferenceTable("share", properties("$defs", "share")),
      ReferenceTable("redirect", properties("$defs", "redirect")),
      ReferenceTable("respond", properties("$defs", "respond")),
      ReferenceTable("rewrite", properties("$defs", "rewrite")),
      ReferenceTable("header edits", properties("$defs", "headerEdits")),
      ReferenceTable("auth", properties("$defs", "auth")),
      ReferenceTable("rate limit", properties("$defs", "rateLimit")),
      ReferenceTable("tls", properties("$defs", "tls")),
      ReferenceTable("certificate", properties("$defs", "certificate")),
      ReferenceTable("tls to backends", properties("$defs", "backendTLS")),
      ReferenceTable("listener timeouts", properties("$defs", "listener", "properties", "timeouts")),
      ReferenceTable("pool", properties("$defs", "pool")),
      ReferenceTable("hash", properties("$defs", "hash")),
      ReferenceTable("sticky", properties("$defs", "sticky")),
      ReferenceTable("backend", properties("$defs", "backend")),
      ReferenceTable("health", properties("$defs", "health")),
      ReferenceTable("http health", properties("$defs", "httpHealth")),
      ReferenceTable("flap", properties("$defs", "flap")),
      ReferenceTable("outlier", properties("$defs", "outlier")),
      ReferenceTable("pool timeouts", properties("$defs", "poolTimeouts")),
      ReferenceTable("keep alive", properties("$defs", "keepAlive")),
      ReferenceTable("defaults", properties("properties", "defaults")),
      ReferenceTable("admin", properties("$defs", "admin")),
      ReferenceTable("log", properties("properties", "log")),
      ReferenceTable("access", properties("$defs", "access")),
      ReferenceTable("limits", properties("properties", "limits")),
      ReferenceTable("shutdown", properties("properties", "shutdown")),
    ]
  }()

  private init(_ title: String, _ object: JSONValue) {
    self.title = title
    let required = (object["required"]?.elements ?? []).compactMap(\.string)
    let rows = object["properties"]!.members!.map { member in
      let fallback = member.value["default"].map { "`\($0.text)`" } ?? (required.contains(member.key) ? "required" : "")
      let meaning = member.value["description"]?.string ?? ""
      return "| `\(member.key)` | \(Self.values(member.value)) | \(fallback) | \(meaning) |"
    }
    text = "| key | value | default | meaning |\n|---|---|---|---|\n" + rows.joined(separator: "\n") + "\n"
  }

  /// What may stand there, in words.
  private static func values(_ node: JSONValue) -> String {
    if let reference = node["$ref"]?.string {
      switch reference.dropFirst("#/$defs/".count) {
      case "duration", "durationOrZero": return "duration"
      case "durationOrOff": return "duration or `\"off\"`"
      case "size": return "size"
      case "listenAddress", "backendAddress", "adminAddress": return "address"
      case "cidr": return "block"
      case "rate": return "rate"
      case "tlsServerName": return "host name or IP address"
      case "serverName": return "server name"
      case "source": return "IP address or `\"client\"`"
      case "name": return "name"
      case "file": return "path"
      case "path": return "path of a request"
      case "method": return "method"
      case "hostPattern": return "host"
      case "expression": return "regular expression"
      default: return "object"
      }
    }
    if let alternatives = node["anyOf"]?.elements {
      // A size is a text or a number.
      if alternatives.contains(where: { $0["pattern"]?.string == ByteSize.pattern }) {
        return alternatives.contains { $0["const"] != nil } ? "size or `\"off\"`" : "size"
      }
      return alternatives.filter { $0["$ref"]?.string != "#/$defs/environment" }.map(values).joined(separator: " or ")
    }
    if let words = node["enum"]?.elements { return words.map { "`\($0.text)`" }.joined(separator: ", ") }
    if let word = node["const"] { return "`\(word.text)`" }
    switch node["type"]?.string {
    case "integer": return "\(node["minimum"]!.text)…\(node["maximum"]!.text)"
    case "boolean": return "`true`, `false`"
    case "array": return "array of \(values(node["items"]!))"
    case "string": return "text"
    case let type: return type ?? ""
    }
  }
}
