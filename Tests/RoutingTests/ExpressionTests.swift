import Testing

@testable import Routing

@Suite struct ExpressionTests {
  private func find(_ pattern: String, _ text: String) throws -> MatchScratch.Outcome {
    let expression = try RegularExpression(pattern)
    var scratch = MatchScratch()
    return Array(text.utf8).withUnsafeBytes { scratch.find(CompiledExpression(expression), in: $0) }
  }

  @Test(arguments: [
    ("a.c", "xabcx", true), ("^a.c$", "xabcx", false), ("(?i)ABC", "abc", true), ("", "", true), ("^$", "", true),
    ("^/a$", "/a\n", false), (#"\.(png|jpe?g)$"#, "/x.jpeg", true), ("^/(?!admin)", "/admin", false),
    ("é", "caf\u{e9}", true), (".", "\u{0}", true),
  ])
  func whatIsFound(pattern: String, text: String, isFound: Bool) throws {
    #expect(try find(pattern, text) == (isFound ? .found : .notFound))
  }

  @Test(arguments: ["(", "[", "a**?*", #"\"#, "(?P<n", #"\C"#, "(*UTF)a", "(?<=a+)b", "((((((((((a){900}){900}){900}"])
  func whatIsNone(pattern: String) {
    let error = #expect(throws: RegularExpression.Malformed.self) { try RegularExpression(pattern) }
    #expect(error?.description.hasPrefix("is no regular expression: ") == true)
  }

  @Test func groupsAreCounted() throws {
    #expect(try RegularExpression("a").groups == 0)
    #expect(try RegularExpression("(a)(?:b)(?<n>c)").groups == 2)
  }

  /// Each of these takes longer than the age of the universe when it may.
  @Test(arguments: [
    "(a+)+$", "^(a+)+$", "(a|aa)+$", "(.*)(.*)(.*)(.*)(.*)[0-9]$", "([a-z]+[a-z]+)+[0-9]",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    #"(x+x+)+y|(a*)*b"#,
  ])
  func nothingBurnsTime(pattern: String) throws {
    for length in [30, 300, 3000, 30_000] {
      #expect(try find(pattern, String(repeating: "a", count: length) + "!") != .found, "\(length)")
    }
  }

  /// What plain expressions need is far from the limit.
  @Test(arguments: [
    ("^/users/([0-9]+)/(.*)/edit$", "/users/7/", "x/", "edit"), ("/v[12]/.*\\.json$", "/a/v1/", "seg/", "b.json"),
    ("^(/[^/]+)*/end$", "/a", "/seg", "/end"), ("[a-z]+=[0-9]+", "/", "abc/", "x=1"),
  ])
  func longPathsAreFine(pattern: String, begin: String, part: String, end: String) throws {
    for count in [1, 10, 100, 1000] {
      #expect(try find(pattern, begin + String(repeating: part, count: count) + end) == .found, "\(count)")
    }
  }

  @Test func oneScratchServesManyExpressions() throws {
    var scratch = MatchScratch()
    for count in 0..<40 {
      let expression = try RegularExpression(String(repeating: "(a)", count: count) + "b")
      let text = Array((String(repeating: "a", count: count) + "b").utf8)
      #expect(text.withUnsafeBytes { scratch.find(CompiledExpression(expression), in: $0) } == .found)
      #expect(scratch.group(0) == 0..<(count + 1))
      #expect(scratch.group(1) == (count > 0 ? 0..<1 : 0..<0))
    }
  }
}
