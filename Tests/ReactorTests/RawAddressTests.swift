import Base
import Testing

@testable import Reactor

struct RawAddressTests {
  @Test(arguments: [
    SocketAddress.ip(IPAddress("192.0.2.7")!, port: 1), .ip(IPAddress("2001:db8::5")!, port: 65535),
    .ip(.anyIPv6, port: 80), .unix("/run/app.sock"), .unix(String(repeating: "x", count: 107)),
  ])
  func addressesSurviveTheKernelsForm(address: SocketAddress) {
    #expect(RawAddress(address).address == address)
  }
}
