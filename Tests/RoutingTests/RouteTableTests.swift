import Base
import Testing

@testable import Routing

@Suite struct RouteTableTests {
  private func first(_ routes: [RouteMatch], _ asked: Asked) throws -> RouteTable.Answer {
    asked.find(in: try RouteTable(routes))
  }

  @Test func theFirstOfTheFileWins() throws {
    let routes = try [
      RouteMatch(["*.example.com"], prefix: "/api"), RouteMatch(["www.example.com"], path: "/api/v1"),
      RouteMatch(["www.example.com"]), RouteMatch([], prefix: "/"), RouteMatch(),
    ]
    #expect(try first(routes, Asked(target: "/api/v1")) == .route(0))
    #expect(try first(routes, Asked(target: "/apis")) == .route(2))
    #expect(try first(Array(routes.reversed()), Asked(target: "/api/v1")) == .route(0))
    #expect(try first(routes, Asked(host: "other.org", target: "/api/v1")) == .route(3))
    #expect(try first(routes, Asked(host: "other.org", target: "*", method: "OPTIONS")) == .route(4))
    #expect(try first([], Asked()) == .none)
  }

  @Test(arguments: [
    ("www.example.com", 0), ("WWW.EXAMPLE.COM", 0), ("www.example.com:8080", 0), ("www.example.com.", 0),
    ("a.example.com", 1), ("a.b.example.com", 1), ("A.B.Example.Com", 1), ("example.com", nil),
    ("xexample.com", nil), (".example.com", 1), ("192.0.2.1", 2), ("192.0.2.1:80", 2), ("[2001:db8::1]", 3),
    ("[2001:DB8:0:0::1]:443", 3), ("[2001:db8::2]", nil), ("example.com.evil.org", nil), ("com", nil), ("..", nil),
    (String(repeating: "a.", count: 120) + "example.com", 1), (String(repeating: "a", count: 2000), nil),
  ])
  func hosts(host: String, route: Int?) throws {
    let routes = try [
      RouteMatch(["www.example.com"]), RouteMatch(["*.example.com"]), RouteMatch(["192.0.2.1"]),
      RouteMatch(["[2001:db8::1]"]),
    ]
    #expect(try first(routes, Asked(host: host)) == (route.map { .route($0) } ?? .none))
  }

  @Test(arguments: [
    ("/", 4), ("/api", 0), ("/api/", 0), ("/api/x", 0), ("/apis", 4), ("/ap", 4), ("/API", 4), ("/exact", 1),
    ("/exact/", 4), ("/exact/x", 4), ("/exact?q", 1), ("//api//x", 0), ("/x/../api", 0), ("/%61pi/x", 0),
    ("/a%20b/c", 2), ("/deep/er/path", 3), ("/deep/er", 4), ("/deep/er/pathology", 4), ("/%C3%BC/x", 5),
  ])
  func paths(target: String, route: Int) throws {
    let routes = try [
      RouteMatch(prefix: "/api/"), RouteMatch(path: "/exact"), RouteMatch(prefix: "/a b"),
      RouteMatch(prefix: "/deep/er/path"), RouteMatch(regex: "^/[^%]*$"), RouteMatch(prefix: "/ü"),
    ]
    #expect(try first(routes, Asked(target: target)) == .route(route))
  }

  @Test func whatNeedsMoreThanHostAndPath() throws {
    func takes(_ route: RouteMatch, _ asked: Asked) throws -> Bool { try first([route], asked) == .route(0) }
    let methods = try RouteMatch(methods: ["GET", "HEAD"])
    #expect(try takes(methods, Asked(method: "HEAD")) && !takes(methods, Asked(method: "POST")))
    #expect(try !takes(methods, Asked(method: "get")))

    let sources = try RouteMatch(sources: ["192.0.2.0/24", "2001:db8::/32"])
    #expect(try takes(sources, Asked()) && !takes(sources, Asked(client: IPAddress("192.0.3.1"))))
    #expect(try !takes(sources, Asked(client: nil)))

    let names = try RouteMatch(names: ["a.example", "*.b.example"])
    #expect(try takes(names, Asked(serverName: "a.example")) && takes(names, Asked(serverName: "x.y.b.example")))
    #expect(try !takes(names, Asked()) && !takes(names, Asked(serverName: "b.example")))
    #expect(try !takes(names, Asked(serverName: "xb.example")) && !takes(names, Asked(serverName: ".b.exampl")))

    let field = try RouteMatch(fields: [("X-Version", .exact("2"))])
    #expect(try takes(field, Asked(fields: [("x-version", "1"), ("X-VERSION", " 2 ")])))
    #expect(try !takes(field, Asked(fields: [("x-version", "22")])) && !takes(field, Asked()))
    let pattern = try RouteMatch(fields: [("User-Agent", .regex(RegularExpression("(?i)curl/[78]")))])
    #expect(try takes(pattern, Asked(fields: [("User-Agent", "Curl/8.1")])))
    #expect(try !takes(pattern, Asked(fields: [("User-Agent", "curl/6")])) && !takes(pattern, Asked()))
    let there = try RouteMatch(fields: [("Cookie", .present(true)), ("X-No", .present(false))])
    #expect(try takes(there, Asked(fields: [("Cookie", "")])) && !takes(there, Asked()))
    #expect(try !takes(there, Asked(fields: [("Cookie", "a=b"), ("x-no", "")])))

    let parameters = try RouteMatch(parameters: [
      ("a b", .exact("ü&")), ("debug", .present(true)), ("x", .present(false)),
    ])
    #expect(try takes(parameters, Asked(target: "/?debug&a+b=%C3%BC%26")))
    #expect(try takes(parameters, Asked(target: "/?a%20b=no&&debug=1&%61%20b=%c3%bc%26")))
    #expect(
      try !takes(parameters, Asked(target: "/?debug&a+b=%C3%BC"))
        && !takes(parameters, Asked(target: "/?a+b=%C3%BC%26")))
    #expect(try !takes(parameters, Asked(target: "/?debug&a+b=%C3%BC%26&x")) && !takes(parameters, Asked(target: "/")))
    let digits = try RouteMatch(parameters: [("id", .regex(RegularExpression("^[0-9 ]+$")))])
    #expect(try takes(digits, Asked(target: "/?id=4+%32")) && !takes(digits, Asked(target: "/?id=4x&id")))
    #expect(try takes(digits, Asked(target: "/?id=" + String(repeating: "7", count: 5000))))
    #expect(try takes(try RouteMatch(parameters: [("a", .exact("%zz%"))]), Asked(target: "/?a=%zz%")))
  }

  @Test func allThatIsGivenHasToHold() throws {
    let route = try RouteMatch(
      ["a.b"], prefix: "/p", regex: "x$", methods: ["GET"], fields: [("X", .present(true))],
      parameters: [("q", .exact("1"))], sources: ["192.0.2.1"])
    let good = Asked(host: "a.b", target: "/p/x?q=1", fields: [("X", "")])
    #expect(try first([route], good) == .route(0))
    let bad: [(inout Asked) -> Void] = [
      { $0.host = "a.c" }, { $0.target = "/q/x?q=1" }, { $0.target = "/p/y?q=1" }, { $0.method = "PUT" },
      { $0.fields = [] }, { $0.target = "/p/x?q=2" }, { $0.client = IPAddress("192.0.2.2") },
    ]
    for change in bad {
      var asked = good
      change(&asked)
      #expect(try first([route], asked) == .none, "\(asked)")
    }
  }

  /// A request that keeps an expression busy is no match and no mismatch: to go on would let it past whatever refuses it.
  @Test func anExpressionThatGivesUpIsNoMismatch() throws {
    let evil = try RegularExpression("^(/(a+)+)+$")
    let long = "/" + String(repeating: "a", count: 4000) + "!"
    var guarded = RouteMatch()
    guarded.pathExpression = evil
    #expect(try first([guarded, RouteMatch()], Asked(target: long)) == .failed(0))
    // One before it that matches is not hurt by it, and what cannot match anyway is not either.
    #expect(try first([RouteMatch(prefix: "/"), guarded], Asked(target: long)) == .route(0))
    guarded.methods = ["POST"]
    #expect(try first([guarded, RouteMatch()], Asked(target: long)) == .route(1))
    var field = try RouteMatch(fields: [("X", .regex(evil)), ("Y", .present(true))])
    let asked = Asked(fields: [("X", long)])
    #expect(try first([field, RouteMatch()], asked) == .route(1))
    field.fields.removeLast()
    #expect(try first([field, RouteMatch()], asked) == .failed(0))
  }

  @Test func aPathThatNobodyCanHaveIsRefused() {
    #expect(throws: RoutePath.Malformed.self) { try RouteTable([RouteMatch(prefix: "/a/%00")]) }
    #expect(throws: RoutePath.Malformed.self) { try RouteTable([RouteMatch(path: "/..;/a")]) }
  }
}
