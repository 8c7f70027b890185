import Balancing
import Base
import Glibc
import Logging
import Synchronization
import Testing

@testable import Health
@testable import Reactor

/// The checker's thread against real sockets.
@Suite(.serialized)
struct HealthCheckerTests {
  /// Collects reports; `wait` returns when enough have come, or nil after ten seconds.
  private final class Reports: Sendable {
    private let mailbox: Mailbox<(Backend, HealthTransition)>
    private let seen = Mutex<[(Backend, HealthTransition)]>([])

    init() throws { mailbox = try Mailbox() }

    func add(_ backend: Backend, _ report: HealthReport) {
      if case .changed(let transition) = report { mailbox.post((backend, transition)) }
    }

    func next() throws -> (Backend, HealthTransition) {
      let end = Clock.now + .seconds(10)
      while Clock.now < end {
        if let first = seen.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return first }
        var wait = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&wait, 1, 1000)
        let taken = mailbox.take()
        seen.withLock { $0 += taken }
      }
      throw SystemError("poll", ETIMEDOUT)
    }
  }

  private func listen(_ port: UInt16 = 0) throws -> (socket: SharedDescriptor, address: SocketAddress) {
    let socket = try ListeningSocket.open(.ip(.loopbackIPv4, port: port), count: 1, backlog: 4096)[0]
    var raw = RawAddress()
    _ = raw.withMutableSockaddr { getsockname(socket.number, $0, $1) }
    return (socket, try #require(raw.address))
  }

  private func withChecker(_ body: (HealthChecker, Reports) throws -> Void) throws {
    let reports = try Reports()
    let checker = try HealthChecker(seed: 1, logger: Logger(label: "test")) { reports.add($0.backend, $1) }
    let thread = try checker.start()
    defer {
      checker.stop()
      thread.join()
    }
    try body(checker, reports)
  }

  private let quick = HealthSettings(interval: .milliseconds(40), timeout: .milliseconds(500), fall: 2, rise: 2)

  @Test
  func aBackendGoesDownAndComesBack() throws {
    var (listener, address): (SharedDescriptor?, SocketAddress) = try listen()
    let backend = Backend(pool: "web", name: "a", address: address)
    #expect(backend.lastCheck.withLock { $0 } == nil)
    try withChecker { checker, reports in
      checker.configure([HealthTarget(backend: backend, settings: quick)])
      let first = try reports.next()
      let check = backend.lastCheck.withLock { $0 }
      #expect(check?.type == "tcp" && check?.result.isPassed == true)
      #expect(first.0 === backend)
      #expect(first.1.from == .checking && first.1.to == .up && first.1.needed == 1)

      // Not by closing alone: a program that another test starts has every descriptor until it is executed.
      if let listener { _ = shutdown(listener.number, Int32(SHUT_RDWR)) }
      listener = nil
      let down = try reports.next().1
      #expect(down.from == .up && down.to == .down && down.streak == 2 && down.needed == 2)
      guard case .failed(let failure) = down.result else {
        Issue.record("a check that failed")
        return
      }
      #expect(failure.cause == "connection refused (ECONNREFUSED)")
      #expect(failure.errno == "ECONNREFUSED" && failure.layer == "L4")
      // Perhaps a later one, which fares alike.
      let last = backend.lastCheck.withLock { $0 }
      #expect(last?.result.isPassed == false && last?.needed == 2)

      guard case .ip(_, let port) = address else { return }
      listener = try listen(port).socket
      let up = try reports.next().1
      #expect(up.from == .down && up.to == .up && up.result.isPassed)
    }
    withExtendedLifetime(listener) {}
  }

  @Test
  func aConnectThatIsNeverAnsweredTimesOut() throws {
    // A backlog of one that is full: the kernel drops further SYNs.
    let socket = try ListeningSocket.open(.ip(.loopbackIPv4, port: 0), count: 1, backlog: 0)[0]
    var raw = RawAddress()
    _ = raw.withMutableSockaddr { getsockname(socket.number, $0, $1) }
    let address = try #require(raw.address)
    var fillers: [SharedDescriptor] = []
    for _ in 0..<4 {
      switch Connecting.to(address) {
      case .connected(let filler): fillers.append(SharedDescriptor(filler))
      case .underway(let filler): fillers.append(SharedDescriptor(filler))
      case .failed: break
      }
    }
    try withChecker { checker, reports in
      let settings = HealthSettings(interval: .milliseconds(100), timeout: .milliseconds(80))
      checker.configure([
        HealthTarget(backend: Backend(pool: "web", name: "a", address: address), settings: settings)
      ])
      let transition = try reports.next().1
      guard case .failed(let failure) = transition.result else {
        Issue.record("the backlog was not full")
        return
      }
      #expect(failure.cause == "no answer within 80 ms")
      #expect(failure.errno == nil)
      #expect(failure.took >= .milliseconds(80))
    }
    withExtendedLifetime((socket, fillers)) {}
  }

  @Test
  func verdictsLiveOnWhenOthersComeAndGo() throws {
    let (listener, address) = try listen()
    let kept = Backend(pool: "web", name: "kept", address: address)
    let gone = Backend(pool: "web", name: "gone", address: address)
    let new = Backend(pool: "web", name: "new", address: address)
    try withChecker { checker, reports in
      checker.configure([kept, gone].map { HealthTarget(backend: $0, settings: quick) })
      #expect(Set([try reports.next().0.name, try reports.next().0.name]) == ["kept", "gone"])
      checker.configure([kept, new].map { HealthTarget(backend: $0, settings: quick) })
      // The kept one says nothing: it still is up.
      let report = try reports.next()
      #expect(report.0 === new && report.1.from == .checking)
    }
    withExtendedLifetime(listener) {}
  }

  @Test
  func descriptorsReturnToWhereTheyWere() throws {
    let (listener, address) = try listen()
    // Those of this test: connected to its own listener.
    func descriptors() -> Int {
      (0..<4096).count { number in
        var raw = RawAddress()
        return raw.withMutableSockaddr { getpeername(Int32(number), $0, $1) } == 0 && raw.address == address
      }
    }
    let before = descriptors()
    try withChecker { checker, reports in
      checker.configure(
        (0..<20).map {
          HealthTarget(backend: Backend(pool: "web", name: "\($0)", address: address), settings: quick)
        })
      for _ in 0..<20 { _ = try reports.next() }
    }
    #expect(descriptors() == before)
    withExtendedLifetime(listener) {}
  }
}
