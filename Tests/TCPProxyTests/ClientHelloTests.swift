import Base
import Testing

@testable import TCPProxy

private func peek(_ bytes: some Sequence<UInt8>) -> ClientHello.Answer {
  Array(bytes).withUnsafeBytes { ClientHello.peek($0) }
}

private func vector8(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count)] + bytes }
private func vector16(_ bytes: [UInt8], length: Int? = nil) -> [UInt8] {
  let length = length ?? bytes.count
  return [UInt8(length >> 8), UInt8(length & 0xFF)] + bytes
}

/// A hello of which every part can be put wrong.
private struct Builder {
  var version: [UInt8] = [3, 3]
  var random = [UInt8](repeating: 0xAB, count: 32)
  var session = vector8([UInt8](repeating: 7, count: 32))
  var suites = vector16([0x13, 0x01, 0x13, 0x02])
  var compression = vector8([0])
  var extensions: [UInt8]? = []
  var behind: [UInt8] = []

  init(_ extensions: [(UInt16, [UInt8])]? = []) {
    self.extensions = extensions.map { $0.flatMap { type, data in vector16([], length: Int(type)) + vector16(data) } }
  }

  var body: [UInt8] {
    version + random + session + suites + compression + (extensions.map { vector16($0) } ?? []) + behind
  }

  var message: [UInt8] { [1, UInt8(body.count >> 16), UInt8(body.count >> 8 & 0xFF), UInt8(body.count & 0xFF)] + body }
  var bytes: [UInt8] { records(message, of: [16384]) }
}

/// A message in records of the given sizes, taken in turn.
private func records(_ message: [UInt8], of sizes: [Int]) -> [UInt8] {
  var records: [UInt8] = []
  var rest = message[...]
  var turn = 0
  while !rest.isEmpty {
    records += [22, 3, 1] + vector16(Array(rest.prefix(sizes[turn % sizes.count])))
    rest = rest.dropFirst(sizes[turn % sizes.count])
    turn += 1
  }
  return records
}

/// The message of a hello that is in records.
private func message(_ bytes: [UInt8]) -> [UInt8] {
  var message: [UInt8] = []
  var rest = bytes[...]
  while rest.count > 5 {
    let length = Int(rest[rest.startIndex + 3]) << 8 | Int(rest[rest.startIndex + 4])
    message += rest.dropFirst(5).prefix(length)
    rest = rest.dropFirst(5 + length)
  }
  return message
}

private func serverName(_ name: String) -> (UInt16, [UInt8]) { (0, vector16([0] + vector16(Array(name.utf8)))) }
private func protocols(_ names: [[UInt8]]) -> (UInt16, [UInt8]) { (16, vector16(names.flatMap { vector8($0) })) }

@Suite struct ClientHelloTests {
  /// Answered at the byte that completes it and not before, and blind to what follows.
  private func expect(_ answer: ClientHello.Answer, at count: Int, of bytes: [UInt8], _ name: String) {
    for behind in [[], [0], bytes, [UInt8](repeating: 0x17, count: 20_000)] {
      #expect(peek(bytes + behind) == answer, "\(name)")
    }
    for prefix in 0..<count {
      guard case .needMore(let minimum) = peek(bytes[..<prefix]) else {
        Issue.record("\(name), after \(prefix) bytes: \(peek(bytes[..<prefix]))")
        return
      }
      #expect(minimum > prefix && minimum <= count, "\(name), after \(prefix) bytes: \(minimum)")
    }
  }

  @Test(arguments: ClientHelloFixtures.all.indices)
  func readsRealClients(index: Int) {
    let fixture = ClientHelloFixtures.all[index]
    let hello = ClientHello.Answer.hello(ClientHello(serverName: fixture.serverName, protocols: fixture.protocols))
    expect(hello, at: fixture.bytes.count, of: fixture.bytes, fixture.client)
    // The same message in other records.
    for sizes in [[1], [2], [3], [4], [5], [1, 100], [64], [300, 1]] {
      let bytes = records(message(fixture.bytes), of: sizes)
      expect(hello, at: bytes.count, of: bytes, "\(fixture.client) in records of \(sizes)")
    }
  }

  @Test func readsWhatBrowsersAdd() {
    let post: [UInt8] = vector16([UInt8](repeating: 0x5A, count: 1184 + 32))
    let builder = Builder([
      (0x3A3A, []), (0xFE0D, [UInt8](repeating: 0xEC, count: 250)), (0x0033, post), serverName("Outer.Example.com"),
      protocols([[0x8A, 0x8A], Array("h2".utf8), [0x0A, 0x0A], Array("http/1.1".utf8)]), (0xBABA, [0]),
      (0x0015, [UInt8](repeating: 0, count: 300)),
    ])
    #expect(peek(builder.bytes) == .hello(ClientHello(serverName: "outer.example.com", protocols: ["h2", "http/1.1"])))
  }

  @Test func namesAreOptional() {
    let none = ClientHello.Answer.hello(ClientHello())
    #expect(peek(Builder(nil).bytes) == none)
    #expect(peek(Builder([]).bytes) == none)
    #expect(peek(Builder([(16, vector16(vector8([0x1A, 0x1A])))]).bytes) == none)
    // A name of an unknown type only, and one beside a host name.
    #expect(peek(Builder([(0, vector16([1] + vector16([1, 2, 3])))]).bytes) == none)
    let both = [1] + vector16([9]) + [0] + vector16(Array("a.example".utf8)) + [7] + vector16([])
    #expect(peek(Builder([(0, vector16(both))]).bytes) == .hello(ClientHello(serverName: "a.example")))
  }

  @Test(arguments: ["192.0.2.1", "::1", "2001:db8::1", "0.0.0.0"])
  func anAddressIsNoName(address: String) {
    #expect(peek(Builder([serverName(address)]).bytes) == .hello(ClientHello()))
  }

  @Test(arguments: [
    "a", "localhost", "xn--bcher-kva.example", "_acme.example.com", "r3---sn-x.example.com", "-a-.b", "1.2.3",
    "256.1.1.1",
    String(repeating: "l", count: 63) + ".com",
    Array(repeating: String(repeating: "l", count: 62), count: 4).joined(separator: ".") + ".a",
  ])
  func takesHostNames(name: String) {
    #expect(peek(Builder([serverName(name)]).bytes) == .hello(ClientHello(serverName: name)))
    #expect(peek(Builder([serverName(name.uppercased())]).bytes) == .hello(ClientHello(serverName: name)))
  }

  @Test(arguments: [
    "", ".", "example.com.", ".example.com", "a..b", "exa mple.com", "example.com\u{0}", "\u{0}", "b\u{FC}cher.example",
    "example.com:443", "*.example.com", "[::1]", "example.com/", "a,b", "a\nb",
    String(repeating: "l", count: 64) + ".com",
    Array(repeating: String(repeating: "l", count: 62), count: 4).joined(separator: ".") + ".aa",
    String(repeating: "a.", count: 5000) + "a",
  ])
  func refusesOtherNames(name: String) {
    #expect(peek(Builder([serverName(name)]).bytes) == .malformed(.badHostName))
  }

  private static let notTLS: [([UInt8], ClientHello.NotTLS, Int)] = [
    (Array("GET / HTTP/1.1\r\n".utf8), .firstByte(0x47), 1),
    (Array("SSH-2.0-OpenSSH_9.7\r\n".utf8), .firstByte(0x53), 1),
    (Array("PROXY TCP4 ".utf8), .firstByte(0x50), 1),
    ([0x80, 0x2E, 0x01, 0x00, 0x02, 0x00, 0x15], .firstByte(0x80), 1),
    ([0xFF], .firstByte(0xFF), 1),
    ([0x00], .firstByte(0), 1),
    ([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28], .firstByte(0x15), 1),
    ([0x17, 0x03, 0x03], .firstByte(0x17), 1),
    ([0x16, 0xFE, 0xFD], .version(0xFE), 2),
    ([0x16, 0x02, 0x00], .version(2), 2),
    ([0x16, 0x16, 0x16], .version(0x16), 2),
  ]

  @Test(arguments: notTLS.indices)
  func knowsOtherProtocols(index: Int) {
    let (bytes, reason, count) = Self.notTLS[index]
    expect(.notTLS(reason), at: count, of: bytes, "\(bytes)")
    #expect(!reason.description.isEmpty)
  }

  private static let malformed: [(String, [UInt8], ClientHello.Malformed)] = {
    func with(_ change: (inout Builder) -> Void) -> [UInt8] {
      var builder = Builder([serverName("a.example")])
      change(&builder)
      return builder.bytes
    }
    func withExtensions(_ extensions: [(UInt16, [UInt8])]) -> [UInt8] { Builder(extensions).bytes }
    let whole = Builder([serverName("a.example")]).message
    return [
      ("an empty record", [22, 3, 1, 0, 0], .emptyRecord),
      ("an empty record in between", records(Array(whole[..<20]), of: [20]) + [22, 3, 1, 0, 0], .emptyRecord),
      ("a record that is too long", [22, 3, 1, 0x40, 0x01, 1], .longRecord(16385)),
      ("a record as long as it can say", [22, 3, 1, 0xFF, 0xFF, 1], .longRecord(65535)),
      ("an alert in between", records(Array(whole[..<20]), of: [20]) + [21, 3, 1, 0, 2], .otherRecord(21)),
      ("another version in between", records(Array(whole[..<20]), of: [20]) + [22, 2, 1, 0, 2], .recordVersion(2)),
      ("a ServerHello", [22, 3, 3, 0, 4, 2, 0, 0, 0], .otherMessage(2)),
      ("a hello request", [22, 3, 3, 0, 4, 0, 0, 0, 0], .otherMessage(0)),
      ("a message of no byte", [22, 3, 3, 0, 4, 1, 0, 0, 0], .truncated),
      ("a message that cannot end in time", [22, 3, 3, 0x40, 0, 1, 0, 0x3F, 0xF8], .tooLong),
      ("a message as long as it can say", [22, 3, 3, 0, 4, 1, 0xFF, 0xFF, 0xFF], .tooLong),
      (
        "a message in records of a byte that do not end in time",
        records([1, 0, 0x20, 0] + [UInt8](repeating: 3, count: 8192), of: [1]), .tooLong
      ),
      ("version 2", with { $0.version = [2, 0] }, .version(0x0200)),
      ("the version of DTLS", with { $0.version = [0xFE, 0xFD] }, .version(0xFEFD)),
      (
        "a message without its random number",
        with {
          $0 = Builder(nil); $0.random = []
        }, .truncated
      ),
      (
        "a session id that goes on",
        with {
          $0 = Builder(nil); $0.session = [32, 0]
        }, .truncated
      ),
      ("a session id of 33 bytes", with { $0.session = vector8([UInt8](repeating: 0, count: 33)) }, .badSession),
      ("no cipher suites", with { $0.suites = vector16([]) }, .badCipherSuites),
      ("half a cipher suite", with { $0.suites = vector16([0x13, 0x01, 0x13]) }, .badCipherSuites),
      ("cipher suites that go on", with { $0.suites = vector16([0x13, 0x01], length: 60000) }, .truncated),
      ("no compression", with { $0.compression = [0] }, .badCompression),
      ("compression that goes on", with { $0.compression = [200, 0] }, .truncated),
      ("a byte behind the extensions", with { $0.behind = [0] }, .trailingBytes),
      (
        "extensions that go on",
        with {
          $0.extensions = nil; $0.behind = [0, 9, 0, 0]
        }, .truncated
      ),
      (
        "half the length of the extensions",
        with {
          $0.extensions = nil; $0.behind = [0]
        }, .truncated
      ),
      ("half an extension's type", with { $0.extensions = [0] }, .truncated),
      ("half an extension's length", with { $0.extensions = [0, 5, 0] }, .truncated),
      ("an extension that goes on", with { $0.extensions = [0, 5, 0, 2, 1] }, .truncated),
      ("two server names", withExtensions([serverName("a"), serverName("a")]), .secondExtension(0)),
      ("two ALPN", withExtensions([protocols([[0x61]]), protocols([[0x61]])]), .secondExtension(16)),
      ("two of an unknown kind", withExtensions([(0x7777, []), (1, []), (0x7777, [1])]), .secondExtension(0x7777)),
      ("129 extensions", withExtensions((100..<229).map { ($0, []) }), .tooManyExtensions),
      ("a server name of no byte", withExtensions([(0, [])]), .badServerName),
      ("an empty list of server names", withExtensions([(0, [0, 0])]), .badServerName),
      (
        "a list of server names with more behind it", withExtensions([(0, vector16([0, 0, 1, 0x61]) + [0])]),
        .badServerName
      ),
      ("a list of server names that goes on", withExtensions([(0, [0, 9, 0, 0, 1, 0x61])]), .badServerName),
      ("a server name that goes on", withExtensions([(0, vector16([0, 0, 2, 0x61]))]), .badServerName),
      ("a server name without a length", withExtensions([(0, vector16([0]))]), .badServerName),
      (
        "two host names", withExtensions([(0, vector16([0, 0, 1, 0x61, 0, 0, 1, 0x61]))]), .secondHostName
      ),
      (
        "a host name behind an address",
        withExtensions([(0, vector16([0] + vector16(Array("::1".utf8)) + [0, 0, 1, 0x61]))]),
        .secondHostName
      ),
      ("ALPN of no byte", withExtensions([(16, [])]), .badProtocols),
      ("an empty list of protocols", withExtensions([(16, [0, 0])]), .badProtocols),
      ("an empty protocol", withExtensions([(16, vector16([2, 0x68, 0x32, 0]))]), .badProtocols),
      ("a protocol that goes on", withExtensions([(16, vector16([3, 0x68, 0x32]))]), .badProtocols),
      ("protocols with more behind them", withExtensions([(16, vector16([2, 0x68, 0x32]) + [1])]), .badProtocols),
      ("65 protocols", withExtensions([protocols((0..<65).map { [0x61 + $0 % 20] })]), .tooManyProtocols),
    ]
  }()

  @Test(arguments: malformed.indices)
  func refuses(index: Int) {
    let (name, bytes, reason) = Self.malformed[index]
    #expect(peek(bytes) == .malformed(reason), "\(name)")
    expectStable(bytes, name)
    #expect(!reason.description.isEmpty)
    // A message that was whole is refused for the same reason in any records.
    guard bytes.count > 60, reason != .tooLong, reason != .emptyRecord, reason != .otherRecord(21) else { return }
    guard reason != .recordVersion(2) else { return }
    for sizes in [[1], [7], [1, 50]] {
      #expect(peek(records(message(bytes), of: sizes)) == .malformed(reason), "\(name) in records of \(sizes)")
    }
  }

  /// Once there is an answer, more bytes do not change it.
  private func expectStable(_ bytes: [UInt8], _ name: String) {
    var answer: ClientHello.Answer?
    for count in stride(from: 0, through: bytes.count, by: bytes.count < 2000 ? 1 : 61) {
      let found = peek(bytes[..<count])
      if case .needMore(let minimum) = found {
        #expect(minimum > count && minimum <= ClientHello.longest, "\(name), after \(count) bytes")
        #expect(answer == nil, "\(name), after \(count) bytes")
      } else {
        #expect(answer == nil || answer == found, "\(name), after \(count) bytes")
        answer = found
      }
    }
  }

  @Test func theLongestHelloIsRead() {
    // One record header, and as much as may be: the extensions' bytes are what is left.
    func hello(_ padding: Int) -> [UInt8] {
      Builder([serverName("a"), (21, [UInt8](repeating: 0, count: padding))]).bytes
    }
    let room = ClientHello.longest - hello(0).count
    #expect(hello(room).count == ClientHello.longest)
    #expect(peek(hello(room)) == .hello(ClientHello(serverName: "a")))
    #expect(peek(hello(room + 1)) == .malformed(.tooLong))
    #expect(peek(hello(room + 1).prefix(9)) == .malformed(.tooLong))
    // Every record costs 5 bytes of the same room.
    let message = message(hello(room))
    #expect(peek(records(message, of: [8192])) == .malformed(.tooLong))
    #expect(
      peek(records(Array(TCPProxyTests.message(hello(room - 5))), of: [8192])) == .hello(ClientHello(serverName: "a")))
  }

  @Test(arguments: UInt64(0)..<8)
  func noiseIsAnsweredAndStaysAnswered(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for run in 0..<60 {
      let fixture = ClientHelloFixtures.all[generator.below(ClientHelloFixtures.all.count)]
      var bytes =
        generator.below(2) == 0 ? fixture.bytes : records(message(fixture.bytes), of: [1 + generator.below(300)])
      for _ in 0...generator.below(3) {
        // Mostly where lengths stand.
        let index = generator.below(generator.below(2) == 0 ? 60 : bytes.count)
        switch generator.below(4) {
        case 0: bytes[index] = UInt8(truncatingIfNeeded: generator.next())
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: index)
        default: bytes[index] ^= 1 << UInt8(generator.below(8))
        }
      }
      expectStable(bytes, "seed \(seed), run \(run)")
    }
  }
}
