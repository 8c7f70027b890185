import Base

/// Where the program lets itself be looked at and steered.
public struct AdminConfiguration: Equatable, Sendable {
  /// An address, a host name of this machine, or a unix socket.
  public var listen = Endpoint.ip(.loopbackIPv4, port: 9900)
  /// What requests have to bring along; nil asks for nothing.
  public var token: String?
  /// An absolute path: the token is its first line.
  public var tokenFile: String?
  /// nil is everyone who can connect.
  public var allow: [CIDR]?
  /// Whether there is a page at `/`.
  public var dashboard = true

  public init() {}

  /// Whether only this machine can connect.
  public var isLocal: Bool {
    switch listen {
    case .ip(let address, _): address.isLoopback
    case .name(let name, _): name.lowercased() == "localhost"
    case .any: false
    case .unix: true
    }
  }

  static let shape = Shape<Self>.object(
    Self(), definition: "admin",
    [
      Field(
        "listen", \.listen, .adminAddress,
        "One address: host:port, [IPv6]:port, :port or unix:/path. Outside loopback a token is needed."),
      Field(
        "token", \.token, .optional(.secret),
        "What requests bring along as Authorization: Bearer TOKEN; best from the environment."),
      Field("tokenFile", \.tokenFile, .optional(.placedFile), "A file whose first line is the token."),
      Field(
        "allow", \.allow, .optional(.cidrs),
        "Who may connect; others are closed at once. Default: everyone who can reach the address."),
      Field("dashboard", \.dashboard, .boolean, "The page at /."),
    ]
  ).checking { admin, json, reading in
    func fail(_ key: String, _ message: String) {
      guard case .object(let members) = json.kind else { return }
      guard let member = members.first(where: { $0.key == key }) else {
        reading.fail(at: json.location, message)
        return
      }
      reading.inside(member) { reading.fail(at: member.value.location, message) }
    }
    if json["token"] != nil, json["tokenFile"] != nil {
      fail("tokenFile", "stands beside \"token\": only one of them can be")
    } else if !admin.isLocal, json["token"] == nil, json["tokenFile"] == nil {
      fail(
        "listen",
        "\(admin.listen) can be reached from other machines: \"token\" or \"tokenFile\" is missing, or listen on loopback or on a unix socket"
      )
    }
  }
}

extension Shape where Value == AdminConfiguration? {
  static var admin: Shape {
    .either(
      .words([("off", nil)], besides: "an object"), or: .optional(AdminConfiguration.shape), "\"off\" or an object")
  }
}

extension Shape where Value == String {
  /// A text that nobody is to read again: it is written as three stars.
  fileprivate static var secret: Shape {
    .scalar(
      "a token of 1 to 1024 visible ASCII characters", ["type": "string", "pattern": "^[!-~]{1,1024}$"],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, (1...1024).contains(text.utf8.count),
          text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .sentence("a token of 1 to 1024 visible ASCII characters expected") }
        return text
      },
      write: { _ in "***" })
  }
}
