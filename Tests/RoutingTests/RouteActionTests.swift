import Base
import HTTPCore
import Testing

@testable import Routing

@Suite struct RouteActionTests {
  // MARK: Splits

  @Test func sharesAreInProportion() {
    let split = Split(weights: [90, 0, 10])
    let seed: UInt64 = 0x5117
    var random = SeededGenerator(seed: seed)
    var counts = [0, 0, 0]
    for _ in 0..<100_000 { counts[split.share(of: random.next())] += 1 }
    #expect(counts[1] == 0, "seed \(seed)")
    #expect((9000...11_000).contains(counts[2]), "seed \(seed): \(counts)")
    // Words that only count up are spread as well.
    counts = [0, 0, 0]
    for word in 0..<100_000 { counts[split.share(of: UInt64(word))] += 1 }
    #expect((9000...11_000).contains(counts[2]), "\(counts)")
  }

  @Test func aClientKeepsItsShareWhileWeightsStay() {
    let (before, after) = (Split(weights: [95, 5]), Split(weights: [90, 10]))
    var moved = 0
    for client in 0..<10_000 {
      let key = StableHash.of("client-\(client)")
      #expect(before.share(of: key) == before.share(of: key))
      // More weight takes from the others and gives nothing back.
      if before.share(of: key) == 1 { #expect(after.share(of: key) == 1) }
      if before.share(of: key) != after.share(of: key) { moved += 1 }
    }
    #expect((350...650).contains(moved))
    #expect(Split(weights: [1]).share(of: .max) == 0 && Split(weights: [0, 0]).share(of: 7) == 0)
    #expect(Split(weights: [0, 1]).share(of: 0) == 1 && Split(weights: [1, 0]).share(of: .max) == 0)
  }

  // MARK: Rewriting

  private func rewritten(_ rewrite: PathRewrite, _ path: String) -> (PathRewrite.Answer, String) {
    var scratch = MatchScratch()
    var output = Array("what was here before".utf8)
    let answer = Array(path.utf8).withUnsafeBytes { rewrite.apply(to: $0, scratch: &scratch, into: &output) }
    return (answer, text(output))
  }

  @Test(arguments: [
    ("/api", "/new", "/api/x", "/new/x"), ("/api", "/new", "/api", "/new"), ("/api", "/new", "/api/", "/new/"),
    ("/api/", "/new/", "/api/x", "/new/x"), ("/api", "/", "/api/x", "/x"), ("/api", "/", "/api", "/"),
    ("/", "/new", "/x", "/new/x"), ("/", "/new", "/", "/new/"), ("/a b", "/c d", "/a%20b/x", "/c%20d/x"),
  ])
  func prefixes(prefix: String, to: String, path: String, expected: String) throws {
    let (answer, made) = rewritten(try PathRewrite(prefix: prefix, replacement: to), path)
    #expect(answer == .rewritten && made == expected)
  }

  @Test(arguments: [
    ("^/users/([0-9]+)/(.*)$", "/u/$1?$2".replacing("?", with: "-"), "/users/7/x/y", "/u/7-x/y"),
    ("/v1/", "/v2/", "/a/v1/b/v1/c", "/a/v2/b/v1/c"), ("\\.html$", "", "/a.html", "/a"),
    ("^/(.*)$", "$1", "/a", "/a"), ("^.*$", "", "/a", "/"), ("a(b)?", "$1$0$$", "/a", "/a$"),
    ("^/a", "/$9/b", "/a", "/b"),
    // Segments that neither part had.
    ("^/get/([^/])[^/]*/([^/]).*$", "/files/x/$1$2/y", "/get/.a/.b", "/files/y"),
  ])
  func expressions(pattern: String, to: String, path: String, expected: String) throws {
    let (answer, made) = rewritten(PathRewrite(try RegularExpression(pattern), target: to), path)
    #expect(answer == .rewritten && made == expected)
  }

  @Test func whatCannotBeRewritten() throws {
    let rewrite = PathRewrite(try RegularExpression("^/get/(.)[^/]*/(.).*$"), target: "/$1$2")
    #expect(rewritten(rewrite, "/other").0 == .unchanged)
    #expect(rewritten(rewrite, "/get/.a/.b").0 == .refused(.aboveRoot))
    #expect(
      rewritten(
        PathRewrite(try RegularExpression("^(/(a+)+)+$"), target: "/"), "/" + String(repeating: "a", count: 99) + "!"
      ).0 == .failed)
    let whole = PathRewrite(try RegularExpression("^.*$"), target: String(repeating: "$0", count: 500))
    #expect(rewritten(whole, "/" + String(repeating: "a", count: 1000)).0 == .failed)
  }

  // MARK: Redirects

  @Test(arguments: [
    ("https://www.example.com", "https://www.example.com"),
    ("https://{host}{path}{query}", "https://a.example.com/x/y?q=1"),
    ("/new{path}", "/new/x/y"), ("https://b/{path}", "https://b//x/y"),
    ("https://b/?u={host}", "https://b/?u=a.example.com"),
    ("{other}{host", "{other}{host"), ("", ""),
  ])
  func redirects(to: String, location: String) {
    var output = Array("before".utf8)
    let isMade = Asked(host: "A.example.com:8080", target: "/x//y?q=1").with { request, _ in
      RedirectTarget(to).write(request, into: &output)
    }
    #expect(isMade && text(output) == location)
  }

  @Test func redirectsWithoutAQueryOrAHost() {
    var output: [UInt8] = []
    let isMade = Asked(target: "/x").with { request, _ in RedirectTarget.https.write(request, into: &output) }
    #expect(isMade && text(output) == "https://www.example.com/x")
    let noHost = RoutedRequest(path: RoutedRequest.nothing, method: RoutedRequest.nothing)
    #expect(!RedirectTarget.https.write(noHost, into: &output))
    #expect(RedirectTarget("/x{query}").write(noHost, into: &output) && text(output) == "/x")
  }
}
