import Base
import Glibc
import Testing

@testable import Reactor

@Suite(.serialized)
struct DescriptorTests {
  @Test
  func ownersCloseWhatTheyOwn() throws {
    let before = openDescriptors()
    do {
      var first = Descriptor(adopting: dup(0))
      let second = try first.duplicate()
      #expect(openDescriptors() == before + 2)
      first.close()
      let isOpen = first.isOpen
      #expect(!isOpen)
      first.close()
      #expect(openDescriptors() == before + 1)
      let number = second.release()
      #expect(openDescriptors() == before + 1)
      _ = Descriptor(adopting: number)
    }
    #expect(openDescriptors() == before)
  }

  @Test
  func aSharedOneClosesWithItsLastHolder() throws {
    let before = openDescriptors()
    var holders: [SharedDescriptor] = []
    holders.append(SharedDescriptor(Descriptor(adopting: dup(0))))
    holders.append(holders[0])
    holders.removeFirst()
    #expect(openDescriptors() == before + 1)
    holders.removeAll()
    #expect(openDescriptors() == before)
  }

  @Test
  func contentsAreReadUpToTheLimit() throws {
    let path = "/tmp/balancer-\(getpid())-contents"
    defer { unlink(path) }
    do {
      let file = try Descriptor.appending(to: path)
      let text = [UInt8](repeating: 65, count: 100_000)
      let written = write(file.number, text, text.count)
      #expect(written == text.count)
    }
    #expect(try Descriptor.contents(of: path, limit: 100_000)?.count == 100_000)
    #expect(try Descriptor.contents(of: path, limit: 99_999) == nil)
    let error = try #require(throws: SystemError.self) { try Descriptor.contents(of: path + "-none", limit: 1) }
    #expect("\(error)" == "no such file or directory (ENOENT)")
  }
}
