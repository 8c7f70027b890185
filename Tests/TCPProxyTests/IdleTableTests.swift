import Balancing
import Base
import Testing

@testable import TCPProxy

struct IdleTableTests {
  private static func backends(_ count: Int) -> [Backend] {
    (0..<count).map { Backend(pool: "web", name: "\($0)", address: .ip(.loopbackIPv4, port: 1)) }
  }

  @Test func keepsAListForEachBackend() {
    var table = IdleTable()
    let backends = Self.backends(5000)
    for (index, backend) in backends.enumerated() { table.list(of: backend).pointee.count = index + 1 }
    for (index, backend) in backends.enumerated() {
      let count = table.list(of: backend).pointee.count
      #expect(count == index + 1)
    }
  }

  @Test func beginsEmpty() {
    var table = IdleTable()
    let backend = Self.backends(1)[0]
    let list = table.list(of: backend)
    #expect(list.pointee.newest == .none)
    #expect(list.pointee.oldest == .none)
    #expect(list.pointee.count == 0)
  }

  /// Reloads that come and go with their backends.
  @Test func doesNotGrowForThoseThatAreEmpty() {
    var table = IdleTable()
    let lasting = Self.backends(4)
    for backend in lasting { table.list(of: backend).pointee.count = 7 }
    let gone = Self.backends(20_000)
    for backend in gone { _ = table.list(of: backend) }
    #expect(table.capacity == 16)
    for backend in lasting {
      let count = table.list(of: backend).pointee.count
      #expect(count == 7)
    }
  }
}
