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
}
