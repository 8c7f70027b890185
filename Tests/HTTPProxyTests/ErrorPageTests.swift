import Testing

@testable import HTTPProxy

struct ErrorPageTests {
  private func head(_ page: ErrorPage, _ change: (inout ErrorPage.Details) -> Void = { _ in }) -> String {
    var details = ErrorPage.Details()
    change(&details)
    return written(page.headCapacity(details)) { page.writeHead(details, to: $0) }
  }

  @Test
  func theHeadIsComplete() {
    let page = ErrorPages.standard[.badGateway]
    #expect(
      head(page)
        == "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: \(page.body.count)\r\nCache-Control: no-store\r\n\r\n"
    )
    lending("Date: Sun, 22 Nov 2026 16:31:05 GMT\r\n") { date in
      let whole = head(page) {
        $0.closes = true
        $0.retryAfter = 30
        $0.fields = date
      }
      #expect(
        whole.hasSuffix(
          "no-store\r\nRetry-After: 30\r\nConnection: close\r\nDate: Sun, 22 Nov 2026 16:31:05 GMT\r\n\r\n"))
    }
  }

  @Test(arguments: [(-1, "0"), (0, "0"), (9, "9"), (10, "10"), (100, "100"), (86_400, "86400"), (Int.max, "86400")])
  func retryAfterIsHeldInBounds(_ seconds: Int, _ text: String) {
    #expect(
      head(ErrorPages.standard[.serviceUnavailable]) { $0.retryAfter = seconds }.contains(
        "\r\nRetry-After: \(text)\r\n"))
  }

  @Test(arguments: ErrorStatus.allCases)
  func everyStatusHasItsPage(_ status: ErrorStatus) {
    let page = ErrorPages.standard[status]
    #expect(page.status == status)
    #expect(head(page).hasPrefix("HTTP/1.1 \(status.rawValue) \(status.reason)\r\n"))
    let body = String(decoding: page.body, as: UTF8.self)
    #expect(body.contains("<h1>\(status.rawValue) \(status.reason)</h1>"))
    for word in ["balancer", "swift", "backend", "pool", "upstream", "http://", "https://", "<script"] {
      #expect(!body.lowercased().contains(word), "\(word)")
    }
  }

  @Test
  func filesTakeTheirPlaceAndAStatusWinsOverItsClass() throws {
    let files = ["5xx": "all.html", "503": "busy.json", "404": "lost.TXT"]
    let pages = try ErrorPages(files: files) { path, _ throws(ErrorPages.Unreadable) in Array("page \(path)".utf8) }
    func text(_ status: ErrorStatus) -> String { String(decoding: pages[status].body, as: UTF8.self) }
    #expect(text(.badGateway) == "page all.html" && text(.internalServerError) == "page all.html")
    #expect(text(.serviceUnavailable) == "page busy.json" && text(.notFound) == "page lost.TXT")
    #expect(pages[.badRequest].body == ErrorPages.standard[.badRequest].body)
    #expect("\(pages[.serviceUnavailable].contentType)" == "application/json")
    #expect("\(pages[.notFound].contentType)" == "text/plain; charset=utf-8")
    #expect(head(pages[.notFound]).contains("\r\nContent-Length: 13\r\n"))
  }

  @Test
  func allProblemsAreSaid() throws {
    let files = [
      "200": "a.html", "6xx": "b.html", "404 ": "c.html", "+40": "c.html", "400": "noextension", "403": "image.png",
      "413": "huge.html", "500": "missing.html", "501": "empty.txt",
    ]
    let error = #expect(throws: ErrorPages.Problems.self) {
      try ErrorPages(files: files) { path, limit throws(ErrorPages.Unreadable) in
        #expect(limit == 1 << 20)
        switch path {
        case "missing.html": throw ErrorPages.Unreadable("no such file or directory (ENOENT)")
        case "huge.html": return nil
        default: return []
        }
      }
    }
    let problems = try #require(error).all
    #expect(problems.map(\.key) == ["+40", "200", "400", "403", "404 ", "413", "500", "6xx"])
    #expect(
      problems.map(\.reason) == [
        .unknownStatus, .unknownStatus, .unknownExtension, .unknownExtension, .unknownStatus, .tooLarge,
        .unreadable("no such file or directory (ENOENT)"), .unknownStatus,
      ])
    #expect(
      problems[6].description == "errorPages.500: missing.html: cannot be read: no such file or directory (ENOENT)")
  }

  @Test
  func allPagesTogetherAreBounded() {
    let files = Dictionary(uniqueKeysWithValues: ErrorStatus.allCases.prefix(16).map { ("\($0.rawValue)", "x.html") })
    #expect(throws: Never.self) {
      try ErrorPages(files: files) { _, limit throws(ErrorPages.Unreadable) in [UInt8](repeating: 0, count: limit) }
    }
    #expect(throws: ErrorPages.Problems.self) {
      try ErrorPages(files: files.merging(["5xx": "y.html"]) { $1 }) { _, limit throws(ErrorPages.Unreadable) in
        [UInt8](repeating: 0, count: limit)
      }
    }
  }
}
