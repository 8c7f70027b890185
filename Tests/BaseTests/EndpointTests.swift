import Base
import Testing

@Suite struct EndpointTests {
  @Test(
    arguments: [
      ("127.0.0.1:80", .ip(.loopbackIPv4, port: 80), "127.0.0.1:80"),
      ("[::1]:65535", .ip(.loopbackIPv6, port: 65535), "[::1]:65535"),
      ("[::ffff:127.0.0.1]:80", .ip(.loopbackIPv4, port: 80), "127.0.0.1:80"),
      ("localhost:8080", .name("localhost", port: 8080), "localhost:8080"),
      ("a-b_c.example.com.:1", .name("a-b_c.example.com.", port: 1), "a-b_c.example.com.:1"),
      (":8080", .any(port: 8080), ":8080"),
      ("unix:/run/app.sock", .unix("/run/app.sock"), "unix:/run/app.sock"),
      ("unix:app:1", .unix("app:1"), "unix:app:1"),
    ] as [(String, Endpoint, String)])
  func reads(text: String, endpoint: Endpoint, written: String) throws {
    #expect(try Endpoint(parsing: text) == endpoint)
    #expect(endpoint.description == written)
  }

  @Test(arguments: [
    ("", "has no port: write host:port, for example 127.0.0.1:8080"),
    ("localhost", "has no port: write host:port, for example 127.0.0.1:8080"),
    ("localhost:", "has no valid port: 1…65535 expected after the last colon"),
    ("localhost:0", "has no valid port: 1…65535 expected after the last colon"),
    ("localhost:65536", "has no valid port: 1…65535 expected after the last colon"),
    ("localhost:+80", "has no valid port: 1…65535 expected after the last colon"),
    ("localhost:8o", "has no valid port: 1…65535 expected after the last colon"),
    ("http://localhost:80", "is a URL: write host:port, for example 127.0.0.1:8080"),
    ("::1:80", "looks like an IPv6 address: write it in brackets, for example [::1]:8080"),
    ("::1", "looks like an IPv6 address: write it in brackets, for example [::1]:8080"),
    ("[::g]:80", "is not a valid IPv6 address in brackets"),
    ("[127.0.0.1]:80", "is not a valid IPv6 address in brackets"),
    ("[]:80", "is not a valid IPv6 address in brackets"),
    ("256.0.0.1:80", "is neither an IP address nor a valid host name"),
    ("1.2.3:80", "is neither an IP address nor a valid host name"),
    ("-a:80", "is neither an IP address nor a valid host name"),
    ("a..b:80", "is neither an IP address nor a valid host name"),
    ("a b:80", "is neither an IP address nor a valid host name"),
    ("ä:80", "is neither an IP address nor a valid host name"),
    (".:80", "is neither an IP address nor a valid host name"),
    (String(repeating: "a", count: 64) + ":80", "is neither an IP address nor a valid host name"),
    ("unix:", "has no path: write unix:/path/to.sock"),
    ("unix:/a\0b", "has a NUL byte in its path"),
    (
      "unix:/" + String(repeating: "a", count: 107),
      "has a path of 108 bytes; the kernel takes at most 107"
    ),
  ])
  func refusesInWords(text: String, words: String) {
    #expect(throws: Endpoint.Malformed.self) { try Endpoint(parsing: text) }
    do { _ = try Endpoint(parsing: text) } catch { #expect(error.description == words) }
  }

  @Test func whatNeedsNoLookUpHasASocketAddress() throws {
    #expect(try Endpoint(parsing: ":80").socketAddress == .ip(.anyIPv6, port: 80))
    #expect(try Endpoint(parsing: "10.0.0.1:80").socketAddress?.description == "10.0.0.1:80")
    #expect(try Endpoint(parsing: "[fe80::1]:80").socketAddress?.description == "[fe80::1]:80")
    #expect(try Endpoint(parsing: "unix:/a").socketAddress?.description == "unix:/a")
    #expect(try Endpoint(parsing: "a:80").socketAddress == nil)
  }
}
