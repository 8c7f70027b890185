import Base
import Configuration
import Testing

@Suite struct ConfigurationReaderTests {
  @Test func theSmallestUsefulFileHasEveryDefault() throws {
    let configuration = try read(
      """
      {
        "listeners": { "web": { "listen": ":8080", "pool": "web" } },
        "pools": { "web": { "backends": ["127.0.0.1:9001", "127.0.0.1:9002"] } }
      }
      """)
    var expected = Configuration()
    var listener = ListenerConfiguration()
    listener.name = "web"
    listener.listen = [.any(port: 8080)]
    listener.pool = "web"
    expected.listeners = [listener]
    var pool = PoolConfiguration()
    pool.name = "web"
    pool.backends = ["127.0.0.1:9001", "127.0.0.1:9002"].map { text in
      var backend = BackendConfiguration()
      backend.name = text
      backend.address = try! Endpoint(parsing: text)
      return backend
    }
    expected.pools = [pool]
    #expect(configuration == expected)
  }

  @Test func everyMistakeIsToldInOneGoInTheOrderOfTheFile() {
    #expect(
      errors(
        """
        {
          "listeners": { "web": { "listen": ":8080", "pool": "wbe" } },
          "pools": {
            "web": {
              "schedular": "round-robin",
              "backends": ["127.0.0.1:9001", "127.0.0.1", { "address": "127.0.0.1:9003", "weight": 700 }]
            }
          },
          "worker": 2
        }
        """) == [
          #"balancer.json:2:54: listeners.web.pool: no pool is named "wbe" (did you mean "web"?)"#,
          #"balancer.json:5:7: pools.web: unknown key "schedular" (did you mean "scheduler"?)"#,
          #"balancer.json:6:38: pools.web.backends[1]: "127.0.0.1" has no port: write host:port, for example 127.0.0.1:8080"#,
          "balancer.json:6:92: pools.web.backends[2].weight: 0…256 expected, found 700",
          #"balancer.json:9:3: unknown key "worker" (did you mean "workers"?)"#,
        ])
  }

  // MARK: The admin server alone

  private func admin(_ text: String) throws -> AdminConfiguration? {
    try AdminConfiguration.read(
      Array(text.utf8), file: "balancer.json", folder: "/etc", environment: { $0 == "TOKEN" ? "secret" : nil },
      judges: judges)
  }

  @Test func theAdminServerIsFoundInAFileWithMistakesElsewhere() throws {
    let found = try admin(
      """
      {
        "worker": 2, "pools": 7, "listeners": { "web": { "listen": "${NOT_SET}" } },
        "admin": { "listen": "unix:admin.sock", "token": "${TOKEN}" },
      }
      """)
    #expect(found?.listen == .unix("/etc/admin.sock"))
    #expect(found?.token == "secret")
  }

  @Test func theAdminServerMayBeOffOrGoWithoutSaying() throws {
    #expect(try admin("{ \"admin\": \"off\" }") == nil)
    #expect(try admin("{}") == AdminConfiguration())
  }

  @Test(arguments: [
    ("{ \"admin\": 7 }", "balancer.json:1:12: admin: "),
    (
      "{ \"admin\": { \"lisen\": \":1\" } }",
      "balancer.json:1:14: admin: unknown key \"lisen\" (did you mean \"listen\"?)"
    ),
    ("{ \"admin\": \"off\", \"admin\": {} }", "balancer.json:1:19: admin: this key is there twice"),
    ("[]", "balancer.json:1:1: an object expected"), ("{ \"admin\": {", "balancer.json:1:13: "),
  ]) func whatIsWrongAboutTheAdminServerHasItsPlace(text: String, beginning: String) {
    let error = #expect(throws: ConfigurationErrors.self) { try admin(text) }
    #expect(error?.description.hasPrefix(beginning) == true, "\(error?.description ?? "")")
  }
}
