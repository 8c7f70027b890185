/// `{ "to": "https://www.example.com{path}{query}", "status": 308 }`
public struct RedirectConfiguration: Equatable, Sendable {
  /// `{host}`, `{path}` and `{query}` stand for the request's.
  public var to = ""
  public var status = 308

  public init() {}

  static let placeholders = ["host", "path", "query"]

  static let shape = Shape<Self>.object(
    Self(), definition: "redirect",
    [
      .required(
        "to", \.to, .redirectTarget,
        "Where to, as it is: https://…, http://… or a path. {host} is the request's host without its port, {path} its path, {query} its query with the ?."
      ),
      Field("status", \.status, .redirectStatus, "301, 302 and 303 let the method become GET; 307 and 308 do not."),
    ])
}

/// `{ "status": 200, "body": "…", "headers": { … } }`
public struct RespondConfiguration: Equatable, Sendable {
  public var status = 200
  public var body = ""
  public var headers: [Entry<String>] = []

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "respond",
    [
      Field("status", \.status, .integer(200...599), "The status of the response."),
      Field("body", \.body, .text(longest: 65_536), "Its content, in UTF-8."),
      Field(
        "headers", \.headers, .fields,
        "Its fields. Without a Content-Type the content is text/plain; charset=utf-8."),
    ]
  ).checking { respond, json, reading in
    guard [204, 205, 304].contains(respond.status), !respond.body.isEmpty, let body = json["body"] else { return }
    reading.fail(
      at: body.location, path: "\(reading.path).body",
      "a response of status \(respond.status) has no content (RFC 9110, 15)")
  }
}

/// Changes to the fields of a message: first what is removed, then what is set, then what is added.
public struct HeaderEditsConfiguration: Equatable, Sendable {
  /// Take the place of all fields of their names.
  public var set: [Entry<String>] = []
  /// Come beside those that are there.
  public var add: [Entry<String>] = []
  public var remove: [String] = []

  public init() {}

  static let shape = Shape<Self>.object(
    Self(), definition: "headerEdits",
    [
      Field("set", \.set, .fields, "Fields that take the place of all that have their names."),
      Field("add", \.add, .fields, "Fields that come beside those that have their names."),
      Field(
        "remove", \.remove,
        .array("name", of: Shape<String>.fieldName, mayBeEmpty: true) { names, reading in
          for (index, json, name) in names {
            reading.inside(index) { FieldName.refuseFraming(name, json.location, reading) }
          }
        }, "Names of fields that are taken out."),
    ]
  ).sparse(Self())
}

extension RouteConfiguration.Rewrite {
  private struct Draft: Equatable, Sendable {
    var prefix: String?
    var regex: String?
    var to: String?
  }

  static let shape = Shape<Draft>.object(
    Draft(), definition: "rewrite", exactlyOne: ["prefix", "regex"],
    [
      Field("prefix", \.prefix, .optional(.path), "Takes the place of what match.pathPrefix matched; the rest stays."),
      Field(
        "regex", \.regex, .optional(.expression),
        "A regular expression (PCRE2); the first part of the path that matches becomes to."),
      Field(
        "to", \.to, .optional(.rewriteTarget),
        "regex: what takes its place. $1 to $9 are the groups of the regular expression, $0 all of what matched, $$ a plain $."
      ),
    ]
  ).checking { draft, json, reading in
    guard let regex = draft.regex else {
      if let to = json["to"] {
        reading.fail(at: to.location, path: "\(reading.path).to", "belongs to \"regex\"")
      }
      return
    }
    guard let to = draft.to else {
      reading.fail(at: json.location, "\"to\" is missing: what takes the place of what matches")
      return
    }
    if case .valid(let groups) = reading.judges.expression(regex), let highest = Template.highestGroup(of: to),
      highest > groups
    {
      let has = groups == 0 ? "no group" : groups == 1 ? "one group" : "\(groups) groups"
      reading.fail(
        at: json["to"]?.location ?? json.location, path: "\(reading.path).to",
        "\(to.quoted) wants group \(highest), but the regular expression has \(has)")
    }
  }.map(
    { draft in
      if let prefix = draft.prefix { return RouteConfiguration.Rewrite.prefix(prefix) }
      return .regex(draft.regex ?? "", to: draft.to ?? "")
    },
    { rewrite in
      switch rewrite {
      case .prefix(let prefix): Draft(prefix: prefix)
      case .regex(let regex, let to): Draft(regex: regex, to: to)
      }
    })
}

extension Template {
  /// The highest of the groups that `$1`…`$9` in the target of a rewriting name.
  fileprivate static func highestGroup(of text: String) -> Int? {
    var highest: Int?
    var isEscaped = false
    for byte in text.utf8 {
      if isEscaped {
        if (0x30...0x39).contains(byte) { highest = max(highest ?? 0, Int(byte) - 0x30) }
        isEscaped = false
      } else {
        isEscaped = byte == UInt8(ascii: "$")
      }
    }
    return highest
  }
}
