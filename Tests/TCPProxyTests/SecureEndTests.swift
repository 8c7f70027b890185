import Balancing
import Base
import Foundation
import Synchronization
import TLS
import Testing

@testable import TCPProxy

/// How sessions with TLS end.
@Suite struct SecureEndTests {
  /// The client has said all it had to say, and hears the answer to the end.
  @Test(arguments: Sides.allCases, TLSVersion.allCases)
  func theClientMayEndFirst(sides: Sides, version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    let setting = try SecureSetting(sides, tls) { peer in
      let (bytes, end) = try peer.receiveAll()
      #expect(end == .finished)
      for _ in 0..<10 { try peer.send(bytes) }
      try peer.finish()
    }
    let client = try setting.connect()
    let question = [UInt8](repeating: 7, count: 300_000)
    try client.send(question)
    try client.finish()
    let (answer, end) = try client.receiveAll()
    #expect(answer.count == 3_000_000)
    #expect(answer.allSatisfy { $0 == 7 })
    #expect(end == .finished)
    try setting.proxy.waitUntilAtRest()
    #expect(setting.server.errors == [])
  }

  /// The backend ends first, and the client still has much to say.
  @Test(arguments: Sides.allCases, TLSVersion.allCases)
  func theBackendMayEndFirst(sides: Sides, version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    let received = Mutex<Int>(0)
    let setting = try SecureSetting(sides, tls) { peer in
      try peer.send("bye")
      try peer.finish()
      let (bytes, end) = try peer.receiveAll()
      #expect(end == .finished)
      received.withLock { $0 = bytes.count }
    }
    let client = try setting.connect()
    let (bytes, end) = try client.receiveAll()
    #expect(bytes == Array("bye".utf8))
    #expect(end == .finished)
    for _ in 0..<10 { try client.send([UInt8](repeating: 7, count: 100_000)) }
    try client.finish()
    try setting.proxy.waitUntilAtRest()
    try waitUntil("the backend has read all") { received.withLock { $0 } == 1_000_000 }
    #expect(setting.server.errors == [])
  }

  /// A stream that ends without close_notify may have been cut by anybody.
  @Test(arguments: [Sides.client, .both])
  func aCutOfTheClientIsAResetForTheBackend(sides: Sides) throws {
    let end = Mutex<Peer.End?>(nil)
    let setting = try SecureSetting(sides) { peer in
      _ = try peer.receive(5)
      try peer.send("k")
      let found = try peer.end()
      end.withLock { $0 = found }
    }
    let client = try setting.connect()
    try client.send("hello")
    #expect(try client.receiveText(1) == "k")
    client.cut()
    try waitUntil("the backend sees the end") { end.withLock { $0 } != nil }
    #expect(end.withLock { $0 } == .reset)
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.incidents.take() == [])
  }

  @Test(arguments: [Sides.server, .both])
  func aCutOfTheBackendIsAResetForTheClient(sides: Sides) throws {
    let setting = try SecureSetting(sides) { peer in
      try peer.send("hello")
      _ = try peer.receive(2)
      peer.cut()
      _ = try peer.receiveAll()
    }
    let client = try setting.connect()
    #expect(try client.receiveText(5) == "hello")
    try client.send("ok")
    #expect(try client.end() == .reset)
    try setting.proxy.waitUntilAtRest()
    let incident = try #require(setting.proxy.incidents(.tlsBroken).first)
    #expect(incident.subject == "pool app")
    #expect(incident.cause == "the backend's stream was cut: it ended without close_notify (b1)")
  }

  @Test(arguments: Sides.allCases)
  func aResetIsPassedOn(sides: Sides) throws {
    let end = Mutex<Peer.End?>(nil)
    let setting = try SecureSetting(sides) { peer in
      if try peer.receiveText(1) == "r" { return peer.reset() }
      try peer.send("k")
      let found = try peer.end()
      end.withLock { $0 = found }
    }
    let first = try setting.connect()
    try first.send("r")
    #expect(try first.end() == .reset)
    let second = try setting.connect()
    try second.send("x")
    #expect(try second.receiveText(1) == "k")
    second.reset()
    try waitUntil("the backend sees the end") { end.withLock { $0 } != nil }
    #expect(end.withLock { $0 } == .reset)
    try setting.proxy.waitUntilAtRest()
  }

  /// An altered record ends it all: the client gets an alert, the backend a reset, and what follows is read by nobody.
  @Test(arguments: [Sides.client, .both], TLSVersion.allCases)
  func nothingIsReadAfterAFatalAlert(sides: Sides, version: TLSVersion) throws {
    var tls = TestTLS()
    tls.client.versions = version...version
    let outcome = Mutex<([UInt8], Peer.End)?>(nil)
    let setting = try SecureSetting(sides, tls) { peer in
      _ = try peer.receive(5)
      try peer.send("k")
      let found = try peer.receiveAll()
      outcome.withLock { $0 = found }
    }
    let client = try setting.connect()
    try client.send("hello")
    #expect(try client.receiveText(1) == "k")
    var altered = client.encrypt(Array("altered".utf8))
    altered[altered.count - 1] ^= 1
    try client.sendRaw(altered + client.encrypt(Array("behind it".utf8)))
    let (bytes, end) = try client.receiveAll()
    #expect(bytes == [])
    guard case .failed(let failure) = end else { throw Failure("an alert was expected, not \(end)") }
    #expect(failure.cause == .refused(TLSAlert(rawValue: 20)))
    try waitUntil("the backend sees the end") { outcome.withLock { $0 } != nil }
    #expect(outcome.withLock { $0?.0 } == [])
    #expect(outcome.withLock { $0?.1 } == .reset)
    try setting.proxy.waitUntilAtRest()
    let incident = try #require(setting.proxy.incidents(.tlsBroken).first)
    #expect(incident.subject == "listener web")
    #expect(incident.cause == "a record of the client was altered on its way")
  }

  /// The same from the backend's side.
  @Test func anAlteredRecordOfTheBackendResetsTheClient() throws {
    let outcome = Mutex<Peer.End?>(nil)
    let setting = try SecureSetting(.both) { peer in
      _ = try peer.receive(1)
      var altered = peer.encrypt(Array("altered".utf8))
      altered[altered.count - 1] ^= 1
      try peer.sendRaw(altered)
      let found = try peer.end()
      outcome.withLock { $0 = found }
    }
    let client = try setting.connect()
    try client.send("x")
    #expect(try client.end() == .reset)
    try waitUntil("the backend sees the end") { outcome.withLock { $0 } != nil }
    guard case .failed(let failure)? = outcome.withLock({ $0 }) else { throw Failure("no alert came to the backend") }
    #expect(failure.cause == .refused(TLSAlert(rawValue: 20)))
    try setting.proxy.waitUntilAtRest()
  }

  // MARK: Ends of our own

  @Test(arguments: Sides.allCases)
  func silenceEndsWithCloseNotify(sides: Sides) throws {
    let end = Mutex<Peer.End?>(nil)
    let setting = try SecureSetting(
      sides, TestTLS(),
      service: { peer in
        _ = try peer.receive(5)
        let found = try peer.end()
        end.withLock { $0 = found }
      },
      change: { service, _ in service.clientIdle = .seconds(1) })
    let client = try setting.connect()
    try client.send("hello")
    #expect(try client.end() == .finished)
    try waitUntil("the backend sees the end") { end.withLock { $0 } != nil }
    #expect(end.withLock { $0 } == .finished)
    try setting.proxy.waitUntilAtRest()
  }

  @Test(arguments: Sides.allCases)
  func aBackendThatGoesDownTakesItsSessionsAlong(sides: Sides) throws {
    let setting = try SecureSetting(sides)
    let client = try setting.connect()
    try client.send("hello")
    #expect(try client.receiveText(5) == "hello")
    setting.proxy.group.closeSessions(of: setting.proxy.backends[0])
    #expect(try client.end() == .reset)
    try setting.proxy.waitUntilAtRest()
  }

  /// No backend is left: an end, and no sign of an attack.
  @Test func aClientWithoutABackendHearsCloseNotify() throws {
    let tls = TestTLS()
    let server = try TestServer()
    server.stop()
    let proxy = try Proxy([(server.port, nil)], tls: tls.makeServer())
    let client = try proxy.connect(tls.makePeer())
    #expect(try client.end() == .finished)
    try proxy.waitUntilAtRest()
    #expect(proxy.incidents(.connectsFailed).first?.count == 1)
  }

  @Test func sessionsGoOnWhileDraining() throws {
    let setting = try SecureSetting(.both)
    let client = try setting.connect()
    try client.send("hello")
    #expect(try client.receiveText(5) == "hello")
    setting.proxy.group.drain()
    try client.send("still")
    #expect(try client.receiveText(5) == "still")
    try client.finish()
    #expect(try client.end() == .finished)
    try waitUntil("the session has ended") { setting.proxy.sessions == 0 }
  }
}
