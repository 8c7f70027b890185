import Base
import Configuration
import Testing

/// The files of the folder Examples, read by the program.
@Suite struct ExampleTests {
  /// What the bad examples see of an environment.
  static let environment = ["EMPTY": "", "WORD": "web x", "NUMBER": "30"]

  @Test func thereAreEnough() {
    #expect(Example.good.count >= 8)
    #expect(Example.bad.count >= 40)
  }

  @Test(arguments: Example.good) func aGoodFileIsRead(_ example: Example) {
    #expect(errors(example.bytes) == [])
  }

  /// A bad file begins with the errors it has, one a line, as comments.
  @Test(arguments: Example.bad) func aBadFileHasExactlyTheErrorsItSays(_ example: Example) {
    let expected = example.text.split(separator: "\n").prefix { $0.hasPrefix("// balancer.json:") }
      .map { String($0.dropFirst(3)) }
    #expect(!expected.isEmpty)
    #expect(errors(example.bytes, environment: Self.environment) == expected)
  }

  @Test(arguments: Example.good) func aDocumentWrittenBackMeansTheSame(_ example: Example) throws {
    let plain = try JSONParser.parse(example.bytes).text
    #expect(try read(plain) == read(example.bytes))
    #expect(try JSONParser.parse(Array(plain.utf8)).text == plain)
  }

  @Test func everyKeyIsRead() throws {
    let everything = try #require(Example.good.first { $0.name == "everything" })
    let configuration = try read(everything.bytes)

    var expected = Configuration()
    expected.workers = .fixed(4)
    var listener = ListenerConfiguration()
    listener.name = "web"
    listener.listen = try [
      .any(port: 8080), .init(parsing: "[2001:db8::1]:8081"), .unix("/run/balancer/web.sock"),
    ]
    listener.pool = "web"
    listener.connections = 10_000
    listener.backlog = 512
    listener.timeouts.client = .seconds(3600)
    listener.timeouts.session = .seconds(86_400)
    listener.timeouts.handshake = .seconds(3)
    var route = RouteConfiguration()
    route.match.sni = try [.init(parsing: "db.example.com"), .init(parsing: "*.db.example.com")]
    route.pools = [PoolShare("web")]
    listener.routes = [route]
    listener.proxyProtocol = .v2
    listener.trustedProxies = [try .init(parsing: "10.0.0.0/8")]
    listener.allow = try [.init(parsing: "192.0.2.0/24"), .init(parsing: "2001:db8::/32")]
    listener.deny = [try .init(parsing: "192.0.2.7")]
    listener.perClient.connections = 20
    listener.perClient.rate = Rate(100, per: .second)
    listener.tcpKeepAlive = .seconds(60)
    listener.fastOpen = true
    listener.mptcp = true
    var secure = ListenerConfiguration()
    secure.name = "tls"
    secure.listen = [.any(port: 8443)]
    secure.pool = "web"
    var tls = TLSConfiguration()
    var (site, other) = (TLSConfiguration.Certificate(), TLSConfiguration.Certificate())
    site.certificate = "/etc/balancer/site.pem"
    site.key = "/etc/balancer/site.key"
    other.certificate = "/srv/other.pem"
    other.key = "/srv/other.key"
    other.keyPassphraseFile = "/etc/balancer/other.pass"
    tls.certificates.pairs = [site, other]
    tls.certificates.folder = "/etc/balancer/tls"
    tls.keyPassphraseFile = "/etc/balancer/pass"
    tls.minVersion = .tls13
    tls.ciphers = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    tls.alpn = ["h2", "http/1.1"]
    tls.clientCA = ["/etc/balancer/clients.pem"]
    tls.clientAuth = .optional
    tls.ticketKeys = ["/etc/balancer/ticket-1.key", "/etc/balancer/ticket-2.key"]
    tls.ocspStapling = false
    tls.strictSNI = true
    secure.tls = tls
    expected.listeners = [listener, secure, try Self.everythingOfHTTP()]

    var pool = PoolConfiguration()
    pool.name = "web"
    var one = BackendConfiguration()
    one.address = try .init(parsing: "127.0.0.1:9001")
    one.name = "127.0.0.1:9001"
    var two = BackendConfiguration()
    two.address = try .init(parsing: "[::1]:9002")
    two.name = "two"
    two.weight = 3
    two.connections = 100
    two.backup = true
    two.check = try .init(parsing: "[::1]:9003")
    two.labels = ["zone": "a", "rack": "17"]
    var twoTLS = BackendTLSConfiguration()
    twoTLS.serverName = "two.internal"
    two.tls = .on(twoTLS)
    var three = BackendConfiguration()
    three.address = .unix("/etc/balancer/run/three.sock")
    three.name = "three"
    three.weight = 0
    three.tls = .off
    pool.backends = [one, two, three]
    pool.scheduler = .hash(.serverName, load: 1.25)
    pool.retryBudget = 50
    pool.slowStart = .seconds(30)
    var sticky = StickyConfiguration()
    sticky.key = .source
    sticky.ttl = .seconds(3600)
    sticky.size = 5000
    pool.sticky = sticky
    var health = HealthConfiguration()
    health.interval = .seconds(5)
    health.timeout = .milliseconds(250)
    health.fastInterval = .milliseconds(750)
    health.downInterval = .seconds(60)
    health.fall = 2
    health.rise = 5
    health.initial = .down
    health.send = "hello\r\n"
    health.expect = "ready"
    health.port = 9100
    var flap = FlapConfiguration()
    flap.hold = 8
    flap.release = 3
    flap.halfLife = .seconds(30)
    health.flap = flap
    var healthTLS = BackendTLSConfiguration()
    healthTLS.minVersion = .tls12
    healthTLS.serverName = "check.internal"
    health.tls = .on(healthTLS)
    pool.health = health
    pool.timeouts.connect = .seconds(1)
    pool.timeouts.server = .seconds(7 * 86_400)
    pool.retries = 0
    pool.onDown = .close(after: .seconds(30))
    pool.onRemove = .close(after: .zero)
    pool.sendProxy = .v1
    var poolTLS = BackendTLSConfiguration()
    poolTLS.verify = false
    poolTLS.serverName = "web.internal"
    poolTLS.ca = ["/etc/balancer/ca.pem"]
    poolTLS.certificate = "/etc/balancer/client.pem"
    poolTLS.key = "/etc/balancer/client.key"
    poolTLS.keyPassphraseFile = "/etc/balancer/client.pass"
    poolTLS.minVersion = .tls13
    poolTLS.alpn = ["h2"]
    pool.tls = .on(poolTLS)
    pool.source = .address(try #require(IPAddress("192.0.2.9")))
    pool.tcpKeepAlive = nil
    pool.fastOpen = true
    pool.mptcp = true
    var outlier = OutlierConfiguration()
    outlier.failures = 3
    outlier.window = .seconds(5)
    outlier.eject = .seconds(60)
    outlier.maxEjected = 34
    pool.outlier = outlier
    pool.panic = 25
    expected.pools = [pool, try Self.poolOfHTTP()]

    var admin = AdminConfiguration()
    admin.listen = try .init(parsing: "10.0.0.5:9900")
    admin.token = "s3cret"
    admin.allow = [try .init(parsing: "10.0.0.0/8")]
    admin.dashboard = false
    expected.admin = admin
    expected.log.level = .debug
    expected.log.format = .json
    expected.log.file = "/etc/balancer/logs/balancer.log"
    var access = AccessLogConfiguration()
    access.target = .file("/etc/balancer/logs/access.log")
    access.format = .combined
    access.sample = 0.5
    expected.log.access = access
    expected.limits.connections = 20_000
    expected.shutdown.drain = .seconds(120)
    #expect(configuration == expected)
  }

  private static func everythingOfHTTP() throws -> ListenerConfiguration {
    var listener = ListenerConfiguration()
    listener.name = "app"
    listener.listen = [try .init(parsing: "127.0.0.1:8090")]
    listener.mode = .http
    listener.pool = "app"
    listener.perClient.requests = Rate(50, per: .second)
    listener.timeouts.request = .seconds(5)
    listener.timeouts.keepAlive = .seconds(30)
    listener.timeouts.body = .seconds(20)
    listener.http.maxHeader = ByteSize(bytes: 16 << 10)
    listener.http.maxHeaders = 50
    listener.http.maxBody = ByteSize(bytes: 10 << 20)
    listener.http.forwarded = .both
    listener.http.requestID = "X-Trace"
    listener.http.serverHeader = .text("app")
    var compression = HTTPConfiguration.Compression()
    compression.types = ["text/html"]
    compression.minimum = ByteSize(bytes: 2048)
    listener.http.compression = compression
    listener.http.errorPages = [
      .init(503...503, file: "/etc/balancer/errors/503.html"), .init(500...599, file: "/srv/errors.html"),
    ]

    var api = RouteConfiguration()
    api.match.sni = [try .init(parsing: "app.example.com")]
    api.match.host = try [
      .init(parsing: "app.example.com"), .init(parsing: "*.app.example.com"), .init(parsing: "[2001:db8::1]"),
    ]
    api.match.pathPrefix = "/api"
    api.match.pathRegex = "^/api/v[12]/"
    api.match.method = ["GET", "POST"]
    api.match.header = [
      Entry("X-Version", .exact("2")), Entry("User-Agent", .regex("curl")), Entry("X-Debug", .present(false)),
    ]
    api.match.query = [Entry("page", .regex("^[0-9]+$")), Entry("all", .present(true)), Entry("q", .exact("a b"))]
    api.match.source = [try .init(parsing: "10.0.0.0/8")]
    api.pools = [PoolShare("app", weight: 95), PoolShare("web", weight: 5)]
    api.rewrite = .prefix("/")
    api.host = .backend
    api.requestHeaders.set = [Entry("X-Zone", "a")]
    api.requestHeaders.add = [Entry("X-Via", "balancer")]
    api.requestHeaders.remove = ["X-Secret"]
    api.responseHeaders.set = [Entry("Strict-Transport-Security", "max-age=31536000")]
    api.timeout = .seconds(30)
    api.retries = 1
    api.basicFile = "/etc/balancer/users.htpasswd"
    var limit = RouteConfiguration.RateLimit()
    limit.rate = Rate(10, per: .second)
    limit.burst = 20
    limit.by = .header("X-API-Key")
    api.rateLimit = limit

    var old = RouteConfiguration()
    old.match.path = "/old"
    var redirect = RedirectConfiguration()
    redirect.to = "https://{host}/new{query}"
    redirect.status = 301
    old.redirect = redirect

    var html = RouteConfiguration()
    html.match.host = [try .init(parsing: "static.example.com")]
    html.pools = [PoolShare("app")]
    html.rewrite = .regex(#"^/(.*)\.html$"#, to: "/$1")
    html.host = .text("www.example.com:8080")

    var rest = RouteConfiguration()
    var respond = RespondConfiguration()
    respond.status = 404
    respond.body = "nothing here\n"
    respond.headers = [Entry("Cache-Control", "no-store")]
    rest.respond = respond
    listener.routes = [api, old, html, rest]
    return listener
  }

  private static func poolOfHTTP() throws -> PoolConfiguration {
    var pool = PoolConfiguration()
    pool.name = "app"
    var backend = BackendConfiguration()
    backend.address = try .init(parsing: "127.0.0.1:9101")
    backend.name = "127.0.0.1:9101"
    pool.backends = [backend]
    pool.scheduler = .hash(.header("X-User"), load: nil)
    var sticky = StickyConfiguration()
    sticky.key = .cookie("server")
    sticky.ttl = .seconds(3600)
    sticky.secure = true
    sticky.httpOnly = false
    sticky.sameSite = .strict
    pool.sticky = sticky
    // From the defaults of the file.
    pool.retries = 3
    pool.timeouts.connect = .milliseconds(500)
    pool.timeouts.server = nil
    pool.timeouts.response = .seconds(20)
    pool.timeouts.tunnel = .seconds(7200)
    pool.keepAlive.idle = 8
    pool.keepAlive.ttl = .seconds(30)
    pool.keepAlive.requests = 1000
    var health = HealthConfiguration()
    health.interval = .seconds(1)
    health.type = .http
    health.http.method = "POST"
    health.http.path = "/health?full=1"
    health.http.host = "app.example.com"
    health.http.headers = [Entry("X-Check", "yes")]
    health.http.status = [200...299, 401...401]
    health.http.body = "ready"
    pool.health = health
    return pool
  }

  @Test func httpIsReadInItsOtherForms() throws {
    let configuration = try read(try #require(Example.good.first { $0.name == "http" }).bytes)
    let (plain, web) = (configuration.listeners[0], configuration.listeners[1])
    #expect(plain.http.redirectHTTPS && plain.pool == nil && plain.routes.isEmpty)
    #expect(web.http.maxHeader == ByteSize(bytes: 4096) && web.http.maxBody == nil && web.http.requestID == nil)
    #expect(web.http.serverHeader == .remove && web.http.compression == nil && web.http.errorPages.isEmpty)
    #expect(web.pools == ["a", "b"])
    #expect(web.routes[0].match.host.map(\.description) == ["example.com"])
    #expect(web.routes[1].pools == [PoolShare("a", weight: 0), PoolShare("b")])
    #expect(web.routes[2].rewrite == .regex(#"\.html$"#, to: "") && web.routes[2].timeout == nil)
    #expect(web.routes[3].match.isEverything && web.routes[4].match.isEverything)
    #expect(web.routes[3].redirect?.status == 308 && web.routes[4].respond == RespondConfiguration())
    let (first, second) = (configuration.pools[0], configuration.pools[1])
    #expect(first.scheduler == .hash(.cookie("id"), load: 2) && second.scheduler == .hash(.uri, load: nil))
    #expect(first.sticky?.key == .cookie("id") && first.sticky?.ttl == nil && first.sticky?.httpOnly == true)
    #expect(first.keepAlive.idle == 0 && first.keepAlive.requests == nil)
    #expect(first.health?.http.status == [204...204] && second.health?.http == HTTPHealthConfiguration())
    #expect(configuration.log.access?.target == .standardOutput && configuration.log.access?.sample == 1)
  }

  @Test func layerFourIsReadInItsOtherForms() throws {
    let configuration = try read(try #require(Example.good.first { $0.name == "layer-4" }).bytes)
    let (routed, open) = (configuration.listeners[0], configuration.listeners[1])
    #expect(routed.pool == nil)
    #expect(routed.pools == ["one", "two"])
    #expect(routed.listen.count == 12)
    #expect(Endpoint.written(routed.listen) == ["127.0.0.1:8000-8010", "unix:/run/a-1.sock"])
    #expect(
      routed.routes.map { $0.match.sni.map(\.description) } == [
        ["a.example.com"], ["*.example.com", "example.com", "_x.example.net"],
      ])
    #expect(open.proxyProtocol == .any)
    #expect(open.trustedProxies == [] && open.deny == [])
    #expect(open.allow?.count == 7)
    #expect(open.perClient.connections == nil)
    #expect(open.perClient.rate == Rate(6000, per: .minute))
    #expect(open.tcpKeepAlive == nil && open.timeouts.session == nil && open.timeouts.client == nil)
    #expect(open.timeouts.handshake == .seconds(10))
    let (one, two) = (configuration.pools[0], configuration.pools[1])
    #expect(one.source == .client && one.onRemove == .keep && one.sendProxy == .off)
    #expect(one.tcpKeepAlive == .seconds(120))
    #expect(two.source == IPAddress("2001:db8::7").map { .address($0) })
    #expect(two.tcpKeepAlive == nil)
  }

  @Test func everyTypeOfCheckIsRead() throws {
    let example = try #require(Example.good.first { $0.name == "checks" })
    let pools = try read(example.bytes).pools
    #expect(pools.map(\.health?.type) == [.tcp, .tcp, .redis, .postgresql, .mysql, .smtp, .script, .script])
    #expect(pools[0].health?.send == nil && pools[0].health?.expect == nil)
    #expect(pools[1].health?.send == "version\r\n" && pools[1].health?.expect == "VERSION 1.")
    #expect(pools[2].backends.map(\.check?.description) == [nil, "10.0.0.2:6380"])
    #expect(pools[4].health?.user == "balancer")
    #expect(pools[5].health?.port == 25)
    // A program with a slash starts from the folder of the file, any other is for PATH.
    #expect(pools[6].health?.script == ["/etc/balancer/checks/quorum", "--quick", ""])
    #expect(pools[7].health?.script == ["pg_isready"])
    #expect(pools.allSatisfy { $0.health?.interval == .seconds(1) })
  }

  @Test func poolsInheritWhatTheyDoNotSay() throws {
    let example = try #require(Example.good.first { $0.name == "inheritance" })
    let pools = try read(example.bytes).pools
    #expect(pools.map(\.name) == ["says-nothing", "says-something", "unchecked"])

    #expect(pools[0].health?.interval == .seconds(10))
    #expect(pools[0].health?.fall == 5)
    #expect(pools[0].timeouts.connect == .seconds(1))
    #expect(pools[0].timeouts.server == .seconds(300))
    #expect(pools[0].retries == 0)
    #expect(pools[0].scheduler == .leastConnections)

    // A given key overrides that key alone.
    #expect(pools[1].health?.interval == .seconds(10))
    #expect(pools[1].health?.fall == 2)
    #expect(pools[1].health?.rise == 2)
    #expect(pools[1].timeouts.connect == .seconds(1))
    #expect(pools[1].timeouts.server == .seconds(60))
    #expect(pools[1].retries == 4)

    #expect(pools[2].health == nil)
    #expect(pools[2].scheduler == .roundRobin)
  }

  @Test func inheritanceDoesNotDependOnTheOrderOfTheFile() throws {
    let listeners = #""listeners": { "w": { "listen": ":1", "pool": "w" } }"#
    let pools = #""pools": { "w": { "backends": ["h:1"], "health": { "rise": 7 } } }"#
    let defaults = #""defaults": { "health": { "fall": 9 }, "retries": 5 }"#
    let first = try read("{ \(defaults), \(listeners), \(pools) }")
    let last = try read("{ \(pools), \(listeners), \(defaults) }")
    #expect(first == last)
    #expect(first.pools[0].retries == 5)
    #expect(first.pools[0].health?.fall == 9)
    #expect(first.pools[0].health?.rise == 7)
  }

  /// Checks that `defaults` switches off come back, with their own defaults, where a pool says more.
  @Test func aPoolMaySwitchOnWhatTheDefaultsSwitchOff() throws {
    let pools = try read(
      """
      {
        "defaults": { "health": "off" },
        "listeners": { "w": { "listen": ":1", "pool": "on" } },
        "pools": { "off": { "backends": ["h:1"] }, "on": { "backends": ["h:1"], "health": { "fall": 4 } } }
      }
      """
    ).pools
    #expect(pools[0].health == nil)
    #expect(pools[1].health?.fall == 4)
    #expect(pools[1].health?.interval == .seconds(2))
  }

  @Test func theEnvironmentFillsValuesOfEveryKind() throws {
    let example = try #require(Example.good.first { $0.name == "environment" })
    let plain = try read(example.bytes)
    #expect(plain.workers == .automatic)
    #expect(plain.listeners[0].listen == [.any(port: 8080)])
    #expect(plain.pools[0].backends[0].weight == 5)
    #expect(!plain.pools[0].backends[0].backup)
    #expect(plain.pools[0].backends[1].labels == ["literal": "${HOME}, $HOME and $$"])
    #expect(plain.pools[0].timeouts.server == nil)

    let filled = try read(
      example.bytes,
      environment: [
        "WORKERS": "8", "PORT": "80", "HOST": "db.internal", "WEIGHT": "0", "BACKUP": "true",
        "SCHEDULER": "round-robin", "CONNECT": "9", "SERVER": "1h",
      ])
    #expect(filled.workers == .fixed(8))
    #expect(filled.listeners[0].listen == [.any(port: 80)])
    #expect(filled.pools[0].backends[0].address == .name("db.internal", port: 9001))
    #expect(filled.pools[0].backends[0].weight == 0)
    #expect(filled.pools[0].backends[0].backup)
    #expect(filled.pools[0].scheduler == .roundRobin)
    #expect(filled.pools[0].timeouts.connect == .seconds(9))
    #expect(filled.pools[0].timeouts.server == .seconds(3600))
  }

  @Test func numbersAndOffMeanWhatTheySay() throws {
    let numbers = try read(try #require(Example.good.first { $0.name == "numbers" }).bytes)
    #expect(numbers.workers == .fixed(1))
    #expect(numbers.limits.connections == 1000)
    #expect(numbers.listeners[0].backlog == 500)
    #expect(numbers.listeners[0].connections == nil)
    #expect(numbers.pools[0].backends[0].weight == 256)
    #expect(numbers.pools[0].retries == 0)

    let off = try read(try #require(Example.good.first { $0.name == "off" }).bytes)
    #expect(off.shutdown.drain == .zero)
    #expect(off.listeners[0].timeouts.client == nil)
    #expect(off.pools.map(\.onDown) == [.keep, .close(after: .zero)])
    #expect(off.pools[1].timeouts.server == nil)
    #expect(off.pools[1].health == nil)
  }
}
