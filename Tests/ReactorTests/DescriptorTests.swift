import Base
import Glibc
import Testing

@testable import Reactor

@Suite(.serialized)
struct DescriptorTests {
  @Test
  func ownersCloseWhatTheyOwn() throws {
    let path = "/tmp/balancer-\(getpid())-owned"
    defer { unlink(path) }
    do {
      var first = try Descriptor.appending(to: path)
      let second = try first.duplicate()
      #expect(openDescriptors(on: path) == 2)
      first.close()
      let isOpen = first.isOpen
      #expect(!isOpen)
      first.close()
      #expect(openDescriptors(on: path) == 1)
      let number = second.release()
      #expect(openDescriptors(on: path) == 1)
      _ = Descriptor(adopting: number)
    }
    #expect(openDescriptors(on: path) == 0)
  }

  @Test
  func aSharedOneClosesWithItsLastHolder() throws {
    let path = "/tmp/balancer-\(getpid())-shared"
    defer { unlink(path) }
    var holders = [SharedDescriptor(try Descriptor.appending(to: path))]
    holders.append(holders[0])
    holders.removeFirst()
    #expect(openDescriptors(on: path) == 1)
    holders.removeAll()
    #expect(openDescriptors(on: path) == 0)
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
