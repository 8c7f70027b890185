import Foundation
import Testing

extension EndToEnd {
  /// Checks of the type `http`.
  @Suite struct HTTPChecks {
    let site: Site

    init() throws { site = try Site() }

    /// Method, path, host and headers are what the server is asked with, on a connection for the check alone; status and
    /// content decide, and the health log says which it was.
    @Test(arguments: [
      ("200 OK", "fit for work", "UP", "passed"), ("299 Fine", "not unfit", "UP", "passed"),
      ("401 Unauthorized", "fit", "UP", "passed"),
      ("503 Busy", "fit", "DOWN", #"expected a status of 200-299,401, received "HTTP/1.1 503 Busy""#),
      ("300 Elsewhere", "fit", "DOWN", #"expected a status of 200-299,401, received "HTTP/1.1 300 Elsewhere""#),
      ("200 OK", "sick", "DOWN", #"expected "fit" in the content, received 4 bytes without it: "sick""#),
    ])
    func theLogSaysWhatACheckHasHeard(status: String, body: String, verdict: String, cause: String) throws {
      let check = try site.handBackend()
      let scribe = try site.scribe()
      let balancer = try site.balancer(
        site.configuration(
          [#"{ "name": "app", "address": "\#(scribe.backend.address)", "check": "\#(check.address)" }"#],
          pool: """
            "health": {
              "type": "http", "interval": "20s", "timeout": "20s",
              "http": {
                "method": "POST", "path": "/ready?full=1", "host": "app.example", "headers": { "X-Check": "yes" },
                "status": "200-299,401", "body": "fit"
              }
            }
            """, listener: #""mode": "http""#))
      let (wire, request) = try check.request()
      #expect(request.firstLine == "POST /ready?full=1 HTTP/1.1" && request["Host"] == "app.example")
      #expect(request["X-Check"] == "yes" && request["Connection"] == "close")
      // However much the server would like to keep it.
      try wire.answer(status, body, "Connection: keep-alive")
      try wire.expectEnd()
      let line = try balancer.log.waitForLine(containing: "web/app (", ") \(verdict) ")
      #expect(line.contains(cause), "\(line)")
      // Nobody was asked but the address of the checks.
      #expect(scribe.take().isEmpty)
    }
  }
}
