import Base
import HTTPCore
import Testing

@testable import Admin

@Suite struct GatekeeperTests {
  private let loopback = SocketAddress.ip(.loopbackIPv4, port: 9900)

  private func gatekeeper(token: String? = nil, machine: String = "proxy-1") -> Gatekeeper {
    var settings = AdminSettings()
    settings.token = token.flatMap { AccessToken(Array($0.utf8)) }
    settings.machine = machine
    return Gatekeeper(settings)
  }

  // MARK: Names

  @Test(
    arguments: [
      ("localhost", true), ("LocalHost", true), ("127.0.0.1", true), ("proxy-1", true), ("PROXY-1", true),
      ("127.0.0.2", false), ("[::1]", false), ("proxy-1.example", false), ("proxy", false), ("", false),
      ("attacker.example", false), ("localhost.", false), ("127.1", false),
    ])
  func ownNames(host: String, isOwn: Bool) {
    #expect(OwnNames(machine: "Proxy-1").contains(host, at: loopback) == isOwn)
  }

  @Test func theAddressThatTheConnectionCameToIsOne() throws {
    let names = OwnNames(machine: "")
    let six = try #require(IPAddress("2001:db8::1"))
    #expect(names.contains("[2001:DB8::1]", at: .ip(six, port: 1)))
    #expect(!names.contains("[2001:db8::2]", at: .ip(six, port: 1)))
    // A machine without a name is not asked for by none.
    #expect(!names.contains("", at: loopback) && !names.contains(nil, at: loopback))
    #expect(names.contains(nil, at: .unix("/run/a")) && names.contains("any", at: .unix("/run/a")))
  }

  // MARK: Tokens

  @Test(
    arguments: [
      ("Bearer s3cret", true), ("bearer s3cret", true), ("BEARER   s3cret", true), ("Bearer s3crets", false),
      ("Bearer s3cre", false), ("Bearer ", false), ("Bearer", false), ("", false), ("Basic s3cret", false),
      ("Bearer S3CRET", false), ("Bearer s3crets3cret", false), ("s3cret", false), ("Bearers3cret", false),
    ])
  func tokens(field: String, isRight: Bool) throws {
    let token = try #require(AccessToken(Array("s3cret".utf8)))
    #expect(token.isShown(by: Array(field.utf8)) == isRight)
  }

  @Test func aTokenOfNothingIsNone() { #expect(AccessToken([]) == nil) }

  @Test func withATokenOnlyThePageAndTheProbesAreForEverybody() throws {
    let gatekeeper = gatekeeper(token: "s3cret")
    for path in ["/", "/dashboard.css", "/dashboard.js", "/healthz", "/readyz"] {
      #expect(error { try gatekeeper.admit(request("GET", path), at: loopback) } == nil)
    }
    for path in ["/v1/status", "/v1/config", "/v1/events", "/v1/nothing", "/nothing", "/v1/events?after=x"] {
      #expect(error { try gatekeeper.admit(request("GET", path), at: loopback) }?.code == .unauthorized)
    }
    let shown = try request("GET", "/v1/status", "Authorization: Bearer s3cret")
    #expect(try gatekeeper.admit(shown, at: loopback) == .task(.status))
    // Which of two would count?
    let twice = try request("GET", "/v1/status", "Authorization: Bearer s3cret", "Authorization: Bearer s3cret")
    #expect(error { try gatekeeper.admit(twice, at: loopback) }?.code == .unauthorized)
  }

  // MARK: Changes

  @Test(
    arguments: [
      ("application/json", true), ("Application/JSON", true), ("application/json; charset=utf-8", true),
      ("application/json ; x", true), ("text/plain", false), ("application/x-www-form-urlencoded", false),
      ("multipart/form-data; boundary=application/json", false), ("application/jsonp", false), ("", false),
    ])
  func aChangeNeedsAType(type: String, isRight: Bool) throws {
    for (method, path) in [
      ("POST", "/v1/reload"), ("PUT", "/v1/pools/a/backends/b/weight"), ("DELETE", "/v1/pools/a/backends/b/weight"),
    ] {
      let request = try request(method, path, "Content-Type: \(type)")
      #expect((error { try gatekeeper().admit(request, at: loopback) }?.code == .unsupportedType) != isRight)
    }
  }

  @Test func aTypeThatIsSaidTwiceIsNone() throws {
    let twice = try request(
      "POST", "/v1/reload", "Content-Type: application/json", "Content-Type: application/json")
    #expect(error { try gatekeeper().admit(twice, at: loopback) }?.code == .unsupportedType)
    #expect(error { try gatekeeper().admit(request("POST", "/v1/reload"), at: loopback) }?.code == .unsupportedType)
  }

  /// The name first: whoever was led here is told nothing else.
  @Test func theOrderOfRefusals() throws {
    let gatekeeper = gatekeeper(token: "s3cret")
    let misled = try request("POST /v1/reload HTTP/1.1\r\nHost: attacker.example\r\n\r\n")
    #expect(error { try gatekeeper.admit(misled, at: loopback) }?.code == .misdirected)
    #expect(error { try gatekeeper.admit(request("POST", "/v1/reload"), at: loopback) }?.code == .unauthorized)
    let wrong = try request("GET", "/v1/reload", "Authorization: Bearer s3cret")
    #expect(error { try gatekeeper.admit(wrong, at: loopback) }?.code == .methodNotAllowed)
  }
}
