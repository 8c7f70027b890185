import Configuration
import Testing

@Suite struct SuggestionsTests {
  @Test(arguments: [
    ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "abd", 1),
    ("abc", "ab", 1), ("ab", "abc", 1), ("kitten", "sitting", 3), ("ca", "abc", 3), ("schedular", "scheduler", 1),
    ("weihgt", "weight", 1),
  ])
  func distances(left: String, right: String, distance: Int) {
    #expect(Suggestions.distance(Array(left.unicodeScalars), Array(right.unicodeScalars)) == distance)
    #expect(Suggestions.distance(Array(right.unicodeScalars), Array(left.unicodeScalars)) == distance)
  }

  static let words: [(word: String, candidates: [String], nearest: String?)] = [
    ("schedular", ["scheduler", "shutdown"], "scheduler"), ("Listen", ["listen"], "listen"),
    ("lsiten", ["listen"], "listen"),
    ("warn", ["info", "warning"], "warning"), ("in", ["interval", "initial"], nil),
    ("int", ["interval", "initial"], "interval"),
    ("a", ["b"], nil), ("A", ["a"], "a"), ("ab", ["ac"], "ac"), ("http", ["tcp"], nil), ("", ["a"], nil),
    ("web", [], nil),
    ("wbe", ["web", "wbf"], "web"), ("weba", ["web1", "web2"], "web1"), ("frobnicate", ["backends", "fall"], nil),
    ("connexions", ["connections", "conditions"], "connections"), ("off", ["off"], nil),
    (String(repeating: "a", count: 65), [String(repeating: "a", count: 64)], nil),
  ]

  @Test(arguments: words.indices) func theNearestWordIsMeant(index: Int) {
    let (word, candidates, nearest) = Self.words[index]
    #expect(Suggestions.nearest(to: word, among: candidates) == nearest, "\(word)")
  }
}
