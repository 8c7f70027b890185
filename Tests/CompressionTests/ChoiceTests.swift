import Testing

@testable import Compression

struct AcceptedCodingsTests {
  private func best(_ members: [(String, Int)]) -> ContentCoding? {
    var accepted = AcceptedCodings()
    for (name, weight) in members { lending(name) { accepted.add($0, weight: weight) } }
    return accepted.best()
  }

  @Test
  func theHighestWeightWins() {
    #expect(best([]) == nil)
    #expect(best([("gzip", 1000)]) == .gzip)
    #expect(best([("X-GZIP", 1000)]) == .gzip)
    #expect(best([("gzip", 1000), ("deflate", 1000), ("br", 1000), ("zstd", 1000)]) == .brotli)
    #expect(best([("br", 500), ("gzip", 501)]) == .gzip)
    #expect(best([("deflate", 1000), ("compress", 1000)]) == nil)
    #expect(best([("gzip", 0)]) == nil)
    #expect(best([("gzip", 1)]) == .gzip)
  }

  @Test
  func theStarStandsForWhatIsNotNamed() {
    #expect(best([("*", 1000)]) == .brotli)
    #expect(best([("br", 0), ("*", 1000)]) == .gzip)
    #expect(best([("*", 0)]) == nil)
    #expect(best([("gzip", 300), ("*", 0)]) == .gzip)
    #expect(best([("gzip", 300), ("*", 200)]) == .gzip)
  }

  @Test
  func identityCountsWhereItIsNamed() {
    #expect(best([("identity", 1000), ("gzip", 500)]) == nil)
    #expect(best([("identity", 500), ("gzip", 500)]) == .gzip)
    #expect(best([("identity", 0)]) == nil)
    #expect(best([("identity", 0), ("gzip", 1)]) == .gzip)
    #expect(best([("identity", 0), ("*", 0)]) == nil)
  }

  @Test
  func onlyWhatThereIsRoomForIsTaken() {
    var accepted = AcceptedCodings()
    for coding in ["gzip", "br"] { lending(coding) { accepted.add($0, weight: 1000) } }
    #expect(accepted.best(of: [.gzip]) == .gzip)
    #expect(accepted.best(of: []) == nil)
  }

  @Test
  func theFirstOfSeveralCountsAndWeightsAreHeldInBounds() {
    #expect(best([("gzip", 0), ("gzip", 1000)]) == nil)
    #expect(best([("gzip", 70_000), ("br", -3)]) == .gzip)
  }
}

struct CompressibleTypesTests {
  private func types(_ texts: String...) throws -> CompressibleTypes { try CompressibleTypes(texts) }

  @Test
  func patternsMatchTypesWithoutTheirParameters() throws {
    let types = try types("text/*", "application/JSON", "application/*+xml")
    for type in [
      "text/html", "TEXT/Plain; charset=utf-8", " text/css ;x", "application/json", "application/Json;q=1",
      "application/atom+xml", "text/event-stream",
    ] {
      #expect(lending(type, types.contains), "\(type)")
    }
    for type in [
      "", "text", "image/png", "application/jsonp", "application/xml", "application/+xm", "xtext/html", ";text/html",
      "application/atom+xml2",
    ] {
      #expect(!lending(type, types.contains), "\(type)")
    }
    #expect(try lending("a/b", CompressibleTypes(["*/*"]).contains))
    #expect(try !lending("text/html", CompressibleTypes([]).contains))
  }

  @Test
  func whatIsNoPatternIsRefused() throws {
    for text in [
      "", "html", "text/", "/html", "*", "*/html", "te*t/html", "text/*/*", "text/h*m*", "text/html;q=1", "text /x",
    ] {
      #expect(throws: CompressibleTypes.Malformed.self, "\(text)") { try types(text) }
    }
    _ = try CompressibleTypes(CompressibleTypes.standard)
  }
}

struct CompressionChoiceTests {
  private let types = try! CompressibleTypes(CompressibleTypes.standard)

  private func choose(
    _ type: String? = "text/html", accepting: [String] = ["gzip"], status: Int = 200, minimum: UInt64 = 1024,
    _ change: (inout CompressionChoice.Response) -> Void = { _ in }
  ) -> CompressionChoice {
    var accepted = AcceptedCodings()
    for coding in accepting { lending(coding) { accepted.add($0, weight: 1000) } }
    return lending(type ?? "") { bytes in
      var response = CompressionChoice.Response(status: status)
      if type != nil { response.contentType = bytes }
      change(&response)
      return CompressionChoice(response, accepted: accepted, types: types, minimum: minimum)
    }
  }

  @Test
  func aLargeTextIsCompressedAndItsFieldsChange() {
    let choice = choose { $0.contentLength = 1024 }
    #expect(choice.coding == .gzip)
    #expect(choice.varies && choice.weakensETag)
    #expect(choice.removedFields.map { "\($0)" }.contains("content-length"))
    #expect(choice.removedFields.map { "\($0)" }.contains("accept-ranges"))
    #expect(choose().coding == .gzip, "a body of unknown length")
    #expect(choose(accepting: ["gzip", "br"], status: 404).coding == .brotli)
  }

  @Test
  func aClientThatTakesNoCodingIsToldThatOthersDiffer() {
    let choice = choose(accepting: []) { $0.contentLength = 5000 }
    #expect(choice.coding == nil)
    #expect(choice.varies)
    #expect(!choice.weakensETag && choice.removedFields.isEmpty)
  }

  @Test
  func whatMustNotOrNeedNotBeCompressedStaysAsItIs() {
    let untouched = choose("image/png")
    #expect(untouched.coding == nil && !untouched.varies)
    #expect(choose(nil) == untouched)
    #expect(choose { $0.contentLength = 1023 } == untouched)
    #expect(choose(minimum: 0) { $0.contentLength = 0 } == untouched)
    #expect(choose { $0.isEncoded = true } == untouched)
    #expect(choose { $0.hasContentRange = true } == untouched)
    #expect(choose { $0.forbidsTransform = true } == untouched)
    for status in [100, 101, 103, 204, 205, 206] { #expect(choose(status: status) == untouched, "\(status)") }
  }

  @Test
  func headAndNotModifiedVaryButHaveNothingToCompress() {
    let head = choose { $0.isToHead = true }
    #expect(head.coding == nil && head.varies)
    for choice in [choose(status: 304), choose(nil, status: 304)] { #expect(choice.coding == nil && choice.varies) }
    #expect(!choose("image/png", status: 304).varies)
  }

  @Test
  func aLengthThatContentWouldNotHaveIsHidden() {
    for type in ["text/html", nil] {
      #expect(choose(type, status: 304) { $0.contentLength = 1024 }.wouldEncode)
      #expect(!choose(type, status: 304) { $0.contentLength = 1023 }.wouldEncode)
      #expect(!choose(type, accepting: [], status: 304) { $0.contentLength = 1024 }.wouldEncode)
    }
    #expect(!choose("image/png", status: 304) { $0.contentLength = 1024 }.wouldEncode)
    func head(_ type: String, accepting: [String] = ["gzip"], _ length: UInt64) -> Bool {
      choose(type, accepting: accepting) {
        $0.isToHead = true
        $0.contentLength = length
      }.wouldEncode
    }
    #expect(head("text/html", 1024))
    #expect(!head("text/html", 1023) && !head("text/html", accepting: [], 1024) && !head("image/png", 1024))
  }

  @Test
  func varyIsNotSaidTwice() {
    for value in ["Accept-Encoding", "origin, accept-encoding", "*", "Origin ,\tACCEPT-ENCODING , x"] {
      #expect(lending(value, Vary.coversAcceptEncoding), "\(value)")
    }
    for value in ["", ",", "Origin", "X-Accept-Encoding", "Accept-Encoding-X", "accept encoding"] {
      #expect(!lending(value, Vary.coversAcceptEncoding), "\(value)")
    }
  }
}
