import Base
import Glibc
import Testing

@testable import Reactor

@Suite(.serialized)
struct ListeningSocketTests {
  @Test(arguments: [IPAddress.loopbackIPv4, .loopbackIPv6])
  func workersShareAnAddress(ip: IPAddress) throws {
    let address = try freeAddress(ip)
    let sockets = try ListeningSocket.open(address, count: 4, backlog: 128)
    #expect(sockets.count == 4)
    #expect(Set(sockets.map(\.number)).count == 4)
  }

  @Test
  func anAddressThatSomebodySharesIsTakenAllTheSame() throws {
    let address = try freeAddress()
    let first = try ListeningSocket.open(address, count: 2, backlog: 16)
    let failure = try #require(throws: ListeningSocket.Failure.self) {
      try ListeningSocket.open(address, count: 2, backlog: 16)
    }
    #expect(failure.error.number == EADDRINUSE)
    #expect(failure.description.hasPrefix("\(address) is taken by another socket (EADDRINUSE)"))
    withExtendedLifetime(first) {}
  }

  /// Why a configuration with both is refused.
  @Test
  func allAddressesAndOneOfThemExcludeEachOther() throws {
    guard ListeningSocket.hasIPv6 else { return }
    for every in [IPAddress.anyIPv6, .anyIPv4] {
      for isEveryFirst in [true, false] {
        guard case .ip(_, let port) = try freeAddress() else { return }
        let (all, one) = (SocketAddress.ip(every, port: port), SocketAddress.ip(.loopbackIPv4, port: port))
        let (first, second) = isEveryFirst ? (all, one) : (one, all)
        let open = try ListeningSocket.open(first, count: 2, backlog: 16)
        let failure = try #require(throws: ListeningSocket.Failure.self) {
          try ListeningSocket.open(second, count: 1, backlog: 16)
        }
        #expect(failure.error.number == EADDRINUSE)
        withExtendedLifetime(open) {}
      }
    }
  }

  /// With or without it in the kernel, the address is listened on.
  @Test
  func multipathIsTakenWhereItIs() throws {
    let address = try freeAddress()
    let sockets = try ListeningSocket.open(address, count: 2, backlog: 16, multipath: true)
    for socket in sockets {
      var number: Int32 = 0
      var length = socklen_t(4)
      #expect(getsockopt(socket.number, SOL_SOCKET, SO_PROTOCOL, &number, &length) == 0)
      #expect(number == (MultipathTCP.isAvailable ? 262 : Int32(IPPROTO_TCP)))
    }
    if case .failed(let error) = Connecting.to(address) { Issue.record("no connection to \(address): \(error)") }
  }

  @Test
  func fastOpenIsReadFromItsTwoBits() {
    for (flags, clients, servers) in [
      (nil, false, false), (0, false, false), (1, true, false), (2, false, true), (3, true, true), (0x403, true, true),
      (0x404, false, false),
    ] as [(Int?, Bool, Bool)] {
      let fastOpen = FastOpen(flags: flags)
      #expect(fastOpen.forClients == clients && fastOpen.forServers == servers, "\(flags ?? -1)")
    }
  }

  @Test
  func aStaleUnixSocketIsReplacedAndALiveOneIsNot() throws {
    let path = "/tmp/balancer-\(getpid())-stale.sock"
    let address = SocketAddress.unix(path)
    do {
      let abandoned = try ListeningSocket.open(address, count: 1, backlog: 16)
      // A program that another test starts has it until it is executed.
      _ = shutdown(abandoned[0].number, Int32(SHUT_RDWR))
    }
    let live = try ListeningSocket.open(address, count: 3, backlog: 16)
    #expect(live.count == 1)
    let failure = try #require(throws: ListeningSocket.Failure.self) {
      try ListeningSocket.open(address, count: 1, backlog: 16)
    }
    #expect(failure.error.number == EADDRINUSE)
    ListeningSocket.removeFile(of: address)
    #expect(access(path, F_OK) != 0)
    withExtendedLifetime(live) {}
  }

  @Test
  func aFileThatIsNoSocketIsLeftAlone() throws {
    let path = "/tmp/balancer-\(getpid())-file.sock"
    _ = try Descriptor.appending(to: path)
    defer { unlink(path) }
    #expect(throws: ListeningSocket.Failure.self) { try ListeningSocket.open(.unix(path), count: 1, backlog: 16) }
    ListeningSocket.removeFile(of: .unix(path))
    #expect(access(path, F_OK) == 0)
  }

  @Test
  func anAddressOfAnotherMachineIsNamed() throws {
    let failure = try #require(throws: ListeningSocket.Failure.self) {
      try ListeningSocket.open(.ip(IPAddress(ipv4: 0xC000_0201), port: 8080), count: 1, backlog: 16)
    }
    #expect(failure.description == "this machine has no such address: 192.0.2.1:8080 (EADDRNOTAVAIL)")
  }

  @Test
  func bothFamiliesReachTheAddressOfAll() throws {
    guard case .ip(_, let port) = try freeAddress(.anyIPv6) else { return }
    let sockets = try ListeningSocket.open(.ip(.anyIPv6, port: port), count: 1, backlog: 16)
    for ip in [IPAddress.loopbackIPv4, .loopbackIPv6] {
      let client = try connectingSocket(to: .ip(ip, port: port))
      var wait = pollfd(fd: sockets[0].number, events: Int16(POLLIN), revents: 0)
      #expect(poll(&wait, 1, 5000) == 1)
      guard case .accepted(_, let peer, _) = Accepting.from(sockets[0].number) else {
        Issue.record("no client from \(ip)")
        continue
      }
      // An IPv4 client of a dual-stack socket is an IPv4 client.
      #expect(peer == ip)
      _ = consume client
    }
  }
}
