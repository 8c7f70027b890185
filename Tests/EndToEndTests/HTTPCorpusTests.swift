import Foundation
import Testing

extension EndToEnd {
  /// Every message of the corpus goes through the program: what becomes of it is seen from both sides.
  @Suite struct HTTPCorpus {
    let site: Site

    init() throws { site = try Site() }

    /// How a message is cut on its way.
    private enum Cut: String, CaseIterable {
      case whole, inTwo, byteByByte

      func places(_ count: Int) -> [Int] {
        switch self {
        case .whole: []
        case .inTwo: [count / 2]
        case .byteByByte: Array(1..<max(count, 1))
        }
      }

      /// All are sent whole and in two, and a sample byte by byte.
      func isFor(_ index: Int) -> Bool { self != .byteByByte || index.isMultiple(of: 5) }
    }

    /// Tells which entry it was that failed.
    private func forEach(_ entries: [CorpusEntry], _ body: (CorpusEntry, Cut) throws -> Void) {
      for cut in Cut.allCases {
        for (index, entry) in entries.enumerated() where cut.isFor(index) {
          do {
            try body(entry, cut)
          } catch {
            Issue.record("\(entry.name), \(cut): \(error)")
          }
        }
      }
    }

    private func require(_ isTrue: Bool, _ words: @autoclosure () -> String) throws {
      if !isTrue { throw Failure(words()) }
    }

    /// Whoever refuses a message may do so before its end.
    private func send(_ entry: CorpusEntry, _ cut: Cut, on wire: Wire) throws {
      if entry.bytes.isEmpty { return }
      do {
        try wire.send(entry.bytes, cutAt: cut.places(entry.bytes.count))
      } catch  where entry.fault == nil {
        throw error
      } catch {}
    }

    // MARK: Requests

    @Test func requestsArePassedOnOrRefused() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      let entries = try CorpusEntry.read("requests")
      var refused = 0
      forEach(entries) { entry, cut in
        let client = try site.wire()
        try send(entry, cut, on: client)
        if entry.expect == "more" {
          // Half a request is none: with its end it is forgotten.
          try client.socket.finishSending()
          try client.expectEnd()
        } else if let status = entry.fault {
          try expectRefusal(status, client)
          refused += 1
        } else if let status = entry.answer {
          let answer = try client.response()
          try require(answer.status == status, "\(status) expected: \(answer.head)")
        } else {
          try expectPassed(entry, client, scribe)
          return
        }
        let seen = scribe.take()
        try require(seen.isEmpty, "a backend got \(seen)")
      }
      #expect(refused >= 250)
      // Nothing comes late either.
      #expect(try site.wire().get("/last").status == 200)
      #expect(scribe.take().map(\.firstLine) == ["GET /last HTTP/1.1"])
    }

    private func expectRefusal(_ status: Int, _ client: Wire) throws {
      let answer = try client.response()
      try require(answer.status == status, "\(status) expected: \(answer.head)")
      try require(answer["Connection"] == "close", "the end is not told: \(answer.head)")
      try client.expectEnd()
    }

    private func expectPassed(_ entry: CorpusEntry, _ client: Wire, _ scribe: Scribe) throws {
      let words = entry.expect.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      let method = words[0]
      let hasQuery = words[2].hasPrefix("?")
      let rest = Array(words[(hasQuery ? 4 : 3)...])
      let keeps = words.contains("keep")
      var length = 0
      if let word = words.first(where: { $0.hasPrefix("length(") }) {
        length = Int(word.dropFirst(7).dropLast()) ?? 0
      }
      let bodyStart = entry.message.range(of: "\r\n\r\n", options: .literal).map { $0.upperBound }
      let behind = bodyStart.map { entry.message[$0...].unicodeScalars.count } ?? 0
      if length > 1 << 20 {
        // Nobody can send all that: the head arrives, and then the end.
        try scribe.waitForRequests(1)
        try require(scribe.take()[0]["Content-Length"] == "\(length)", "another length")
        client.socket.reset()
        return
      }
      if words.contains("expect") {
        try require(client.response().status == 100, "100 expected")
      }
      if length > behind { try client.send(String(repeating: "x", count: length - behind)) }
      if words.contains("chunked") { try client.send("1\r\nx\r\n0\r\n\r\n") }
      let answer = try client.response(to: method)
      try require(answer.status == 200, "200 expected: \(answer.head)")
      try require(answer["Connection"] == (keeps ? (words.contains("1.0") ? "keep-alive" : nil) : "close"), answer.head)

      try scribe.waitForRequests(1)
      let seen = scribe.take()
      try require(seen.count == 1, "one request expected: \(seen)")
      let request = seen[0]
      let path = words[1] == "-" ? "/" : words[1]
      let line = entry.sent ?? "\(method) \(path)\(hasQuery ? words[2] : "") HTTP/1.1"
      try require(request.firstLine == line, "\(line) expected: \(request.head)")
      // A pool's name is as good as any where a client has named no host.
      let host = rest[0] == "-" ? "web" : rest[0]
      try require(request.values("Host") == [host], "Host: \(host) expected: \(request.head)")
      try require(request.body.count == (words.contains("chunked") ? 1 : length), "another body: \(request)")
      let isLong = words.contains { $0.hasPrefix("length(") }
      try require(request.values("Content-Length") == (isLong ? ["\(length)"] : []), request.head)
      try require(request.values("Transfer-Encoding") == (words.contains("chunked") ? ["chunked"] : []), request.head)

      guard keeps else { return try client.expectEnd() }
      // What comes next is the next request, and nothing between.
      let isBegun = length == 0 && behind > 0
      try client.send(isBegun ? "Host: a.example\r\n\r\n" : "GET /next HTTP/1.1\r\nHost: a.example\r\n\r\n")
      try require(client.response().text == "a /next", "the next request was not answered")
      try require(scribe.take().map(\.firstLine) == ["GET /next HTTP/1.1"], "the next request is another")
    }

    @Test func chunkedRequestsArePassedOnOrRefused() throws {
      let scribe = try site.scribe()
      _ = try site.balancer(site.http([scribe.json]))
      forEach(try CorpusEntry.read("chunked")) { entry, cut in
        let client = try site.wire()
        try client.send("POST /chunked HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
        try send(entry, cut, on: client)
        // Its head has gone before.
        try scribe.waitForRequests(1)
        if let status = entry.fault {
          try expectRefusal(status, client)
        } else if entry.expect.hasPrefix("more") {
          client.close()
        } else {
          let answer = try client.response()
          try require(answer.text == "a /chunked", "\(answer)")
        }
        let seen = scribe.take()
        try require(seen.count == 1, "one request expected: \(seen)")
        let request = seen[0]
        let body = Self.quoted(entry.expect)
        if entry.expect.hasPrefix("end") {
          try require(request.hasEnded && request.text == body.text, "\(body.text) expected: \(request)")
          let trailers = request.trailers.joined(separator: ", ")
          try require(trailers == body.behind, "trailers \(trailers) instead of \(body.behind)")
        } else {
          try require(!request.hasEnded, "a body that had no end has got one: \(request)")
        }
      }
    }

    /// The text in quotes, and what is behind the count that follows it.
    private static func quoted(_ expect: String) -> (text: String, behind: String) {
      guard let first = expect.firstIndex(of: "\""), let last = expect.lastIndex(of: "\""), first < last else {
        return ("", "")
      }
      let behind = expect[expect.index(after: last)...].drop { $0 == " " || $0.isNumber }
      return (String(expect[expect.index(after: first)..<last]), String(behind))
    }

    // MARK: Responses

    @Test func responsesArePassedOnOrReplaced() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json], pool: #""retries": 0"#))
      // CONNECT is never passed on.
      forEach(try CorpusEntry.read("responses").filter { $0.method != "CONNECT" }) { entry, cut in
        let client = try site.wire()
        let method = entry.method ?? "GET"
        try client.send(
          "\(method) /1 HTTP/1.1\r\nHost: a.example\r\n\(method == "POST" ? "Content-Length: 0\r\n" : "")\r\n")
        let (server, request) = try backend.request()
        try require(request.firstLine == "\(method) /1 HTTP/1.1", "another request: \(request)")
        try send(entry, cut, on: server)
        let words = entry.expect.split(separator: " ").map(String.init)
        var isUsable = words.contains("keep")
        if entry.fault != nil || entry.expect == "more" || words.contains("tunnel") {
          if entry.expect == "more" { server.close() }
          let answer = try client.response(to: method)
          try require(answer.status == 502, "502 expected: \(answer.head)")
          isUsable = false
        } else {
          try finish(words, server)
          if words.contains("interim"), words[0] != "100" {
            try require("\(client.response().status)" == words[0], "\(words[0]) expected")
          }
          let answer = try client.response(to: method)
          let status = words.contains("interim") ? 200 : Int(words[0])
          try require(answer.status == status, "\(entry.expect) expected: \(answer.head)")
          try require(answer["Connection"] == (status == 426 ? "Upgrade" : nil), answer.head)
          if !words.contains("interim") { try expectBody(words, answer) }
        }
        // The next client gets its own answer, whatever was said before.
        if !isUsable, !words.contains("untilClose"), entry.expect != "more" { try server.expectEnd() }
        try client.send("GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        let next = isUsable ? server : try backend.accept()
        try require(next.request()?.firstLine == "GET /2 HTTP/1.1", "another request is next")
        try next.answer("200 OK", "its own", "Connection: close")
        try require(client.response().text == "its own", "another answer is next")
      }
    }

    /// Says the rest of a response.
    private func finish(_ words: [String], _ server: Wire) throws {
      if words.contains("interim") {
        try server.answer()
      } else if words.contains("chunked") {
        try server.send("4\r\nbody\r\n0\r\n\r\n")
      } else if let word = words.first(where: { $0.hasPrefix("length(") }),
        let length = Int(word.dropFirst(7).dropLast())
      {
        try server.send(String(repeating: "x", count: length))
      } else if words.contains("untilClose") {
        try server.send("body")
        server.close()
      }
    }

    private func expectBody(_ words: [String], _ answer: Message) throws {
      if words.contains("chunked") || words.contains("untilClose") {
        try require(answer.text == "body" && answer["Transfer-Encoding"] == "chunked", "\(answer)")
      } else if let word = words.first(where: { $0.hasPrefix("length(") || $0.hasPrefix("declared(") }) {
        let length = String(word.drop { $0 != "(" }.dropFirst().dropLast())
        try require(answer.values("Content-Length") == [length], "a length of \(length) expected: \(answer.head)")
      }
    }

    @Test func chunkedResponsesArePassedOnOrCut() throws {
      let backend = try site.handBackend()
      _ = try site.balancer(site.http([backend.json]))
      forEach(try CorpusEntry.read("chunked")) { entry, cut in
        let client = try site.wire()
        try client.send("GET /1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        let (server, _) = try backend.request()
        try server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try send(entry, cut, on: server)
        if entry.expect.hasPrefix("end") {
          let body = Self.quoted(entry.expect)
          let answer = try client.response()
          try require(answer.text == body.text, "\(body.text) expected: \(answer)")
          try require(answer.trailers.joined(separator: ", ") == body.behind, "trailers \(answer.trailers)")
          return
        }
        if entry.expect.hasPrefix("more") { server.close() }
        // Cut, and not ended: the client can see that half of it is missing.
        let all = client.rest()
        try require(!all.hasSuffix("0\r\n\r\n"), "a body that had no end has got one: \(all)")
        if entry.fault != nil { try server.expectEnd() }
      }
    }
  }
}
