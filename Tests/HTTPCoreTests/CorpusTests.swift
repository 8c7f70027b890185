import Testing

@testable import HTTPCore

/// Every message of the corpus, in one piece and cut at every byte.
@Suite struct CorpusTests {
  @Test(arguments: CorpusEntry.requests)
  func request(_ entry: CorpusEntry) {
    let message = entry.bytes
    let whole = parseRequest(message, ends: [message.count])
    #expect(withoutLength(whole.outcome) == entry.expect)
    for cut in 0...message.count {
      let cutInTwo = parseRequest(message, ends: [cut, message.count])
      #expect(cutInTwo.outcome == whole.outcome, "cut at \(cut)")
      if whole.outcome.first?.isNumber == false { #expect(cutInTwo.fields == whole.fields, "cut at \(cut)") }
    }
    #expect(parseRequest(message, ends: 0...message.count).outcome == whole.outcome, "byte by byte")
  }

  @Test(arguments: CorpusEntry.responses)
  func response(_ entry: CorpusEntry) {
    let message = entry.bytes
    let method = Method.allCases.first { "\($0.name)" == entry.method } ?? .other
    let whole = parseResponse(message, answering: method, ends: [message.count])
    #expect(withoutLength(whole.outcome) == entry.expect)
    for cut in 0...message.count {
      let cutInTwo = parseResponse(message, answering: method, ends: [cut, message.count])
      #expect(cutInTwo.outcome == whole.outcome, "cut at \(cut)")
      if !whole.outcome.hasPrefix("502") { #expect(cutInTwo.fields == whole.fields, "cut at \(cut)") }
    }
    #expect(parseResponse(message, answering: method, ends: 0...message.count).outcome == whole.outcome)
  }

  @Test(arguments: CorpusEntry.chunked)
  func chunkedBody(_ entry: CorpusEntry) {
    let message = entry.bytes
    #expect(decodeChunks(message, ends: [message.count]) == entry.expect)
    for cut in 0...message.count {
      #expect(decodeChunks(message, ends: [cut, message.count]) == entry.expect, "cut at \(cut)")
    }
    #expect(decodeChunks(message, ends: 0...message.count) == entry.expect, "byte by byte")
  }

  @Test(arguments: CorpusEntry.paths)
  func path(_ entry: CorpusEntry) {
    #expect(normalize(entry.bytes) == entry.expect)
    if !entry.expect.hasPrefix("400") { #expect(normalize(bytes(entry.expect)) == entry.expect, "it is stable") }
  }

  @Test(arguments: CorpusEntry.pathsWithEncodedSlash)
  func pathWithEncodedSlash(_ entry: CorpusEntry) {
    #expect(normalize(entry.bytes, encodedSlash: .keep) == entry.expect)
    if !entry.expect.hasPrefix("400") {
      #expect(normalize(bytes(entry.expect), encodedSlash: .keep) == entry.expect, "it is stable")
    }
  }

  @Test func theCorpusIsLargeEnough() {
    let refused = [CorpusEntry.requests, CorpusEntry.responses, CorpusEntry.chunked, CorpusEntry.paths]
      .joined().count { $0.expect.first?.isNumber == true && !$0.expect.hasPrefix("200") }
    #expect(refused >= 150)
  }

  /// The head's length, which is last and which the corpus does not say.
  private func withoutLength(_ outcome: String) -> String {
    // Versions are said of heads only.
    guard outcome.contains(" 1.1 ") || outcome.contains(" 1.0 ") else { return outcome }
    return outcome.split(separator: " ", omittingEmptySubsequences: false).dropLast().joined(separator: " ")
  }
}
