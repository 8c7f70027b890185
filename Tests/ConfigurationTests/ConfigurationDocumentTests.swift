import Configuration
import Testing

/// What the admin server shows of a configuration.
@Suite struct ConfigurationDocumentTests {
  @Test(arguments: Example.good) func itMeansWhatTheFileMeant(_ example: Example) throws {
    var expected = try read(example.bytes)
    // Of a token only stars are shown.
    if expected.admin?.token != nil { expected.admin?.token = "***" }
    #expect(errors(expected.document) == [], "\(expected.document)")
    let again = try read(expected.document)
    #expect(again == expected, "\(ConfigurationDiff(from: expected, to: again).lines)")
  }

  @Test func secretsAreStars() throws {
    let text = try read(
      """
      {
        "listeners": {
          "web": {
            "listen": ":8080", "mode": "http", "pool": "web",
            "routes": [{
              "match": { "path": "/" }, "pool": "web",
              "requestHeaders": { "set": { "Authorization": "Basic c2VjcmV0", "X-Plain": "plain" } },
            }],
          },
        },
        "pools": {
          "web": {
            "backends": ["127.0.0.1:9001"],
            "health": { "type": "http", "http": { "headers": { "cookie": "session=c2VjcmV0" } } },
          },
        },
        "admin": { "token": "c2VjcmV0" },
      }
      """
    ).document
    #expect(!text.contains("c2VjcmV0"))
    #expect(text.contains("plain"))
    #expect(text.contains(#""Authorization": "***""#) && text.contains(#""cookie": "***""#))
  }

  @Test func aChangeOfATokenIsToldWithoutIt() throws {
    func file(_ admin: String) throws -> Configuration {
      try read(
        """
        {
          "listeners": { "web": { "listen": ":8080", "pool": "web" } },
          "pools": { "web": { "backends": ["127.0.0.1:9001"] } },
          "admin": \(admin)
        }
        """)
    }
    func lines(_ old: String, _ new: String) throws -> [String] {
      try ConfigurationDiff(from: file(old), to: file(new)).lines
    }
    #expect(try lines(#"{ "token": "one" }"#, #"{ "token": "two" }"#) == ["~ admin: token another one"])
    #expect(try lines(#"{ "token": "one" }"#, "{}") == ["~ admin: token *** → unset"])
    #expect(
      try lines(#"{ "listen": "127.0.0.1:1" }"#, #"{ "listen": "127.0.0.1:2" }"#)
        == ["~ admin: listen 127.0.0.1:1 → 127.0.0.1:2"])
    #expect(try lines("{}", #""off""#) == ["~ admin: { listen: 127.0.0.1:9900, dashboard: true } → off"])
    #expect(try lines("{}", "{}") == [])
  }
}
