import Glibc
import Testing

@testable import Reactor

@Suite(.serialized)
struct FileStatusTests {
  private let folder = "/tmp/balancer-\(getpid())-status"

  private func write(_ text: String, to name: String) {
    let file = fopen("\(folder)/\(name)", "w")
    fputs(text, file)
    fclose(file)
  }

  private func inFolder(_ body: () throws -> Void) rethrows {
    mkdir(folder, 0o700)
    defer {
      for name in ["a", "b", "link", "pipe"] { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
    try body()
  }

  @Test func anotherStateIsAnotherStamp() throws {
    try inFolder {
      write("one", to: "a")
      let first = try FileStatus.of("\(folder)/a")
      #expect(first.isRegular && first.size == 3)
      #expect(try FileStatus.of("\(folder)/a").stamp == first.stamp)
      // Another file under the same name, of the same size.
      write("two", to: "b")
      rename("\(folder)/b", "\(folder)/a")
      #expect(try FileStatus.of("\(folder)/a").stamp != first.stamp)
      // A link is what it leads to.
      write("three", to: "b")
      symlink("a", "\(folder)/link")
      #expect(try FileStatus.of("\(folder)/link").stamp == FileStatus.of("\(folder)/a").stamp)
      unlink("\(folder)/link")
      symlink("b", "\(folder)/link")
      #expect(try FileStatus.of("\(folder)/link").stamp == FileStatus.of("\(folder)/b").stamp)
      let before = try FileStatus.of(folder).stamp
      unlink("\(folder)/link")
      #expect(try FileStatus.of(folder).stamp != before)
      chmod("\(folder)/a", 0o644)
      #expect(try FileStatus.of("\(folder)/a").othersMayRead)
      chmod("\(folder)/a", 0o640)
      let status = try FileStatus.of("\(folder)/a")
      #expect(!status.othersMayRead && status.groupMayRead)
      #expect(throws: SystemError("stat", ENOENT)) { try FileStatus.of("\(folder)/nothing") }
    }
  }

  @Test func filesAndFoldersAreRead() throws {
    try inFolder {
      write("content", to: "a")
      let file = try ReadableFile("\(folder)/a")
      var buffer = [UInt8](repeating: 0, count: 20)
      let count = try buffer.withUnsafeMutableBytes { bytes throws(SystemError) in try file.read(into: bytes) }
      #expect(String(decoding: buffer[..<count], as: UTF8.self) == "content")
      // A pipe that nobody writes into holds nobody up.
      mkfifo("\(folder)/pipe", 0o600)
      let isRegular = try ReadableFile("\(folder)/pipe").status.isRegular
      #expect(!isRegular)
      #expect(try Folder.names(of: folder, atMost: 10).names.sorted() == ["a", "pipe"])
      #expect(try Folder.names(of: folder, atMost: 1).names.count == 1)
      #expect(throws: SystemError("open", ENOTDIR)) { try Folder.names(of: "\(folder)/a", atMost: 1) }
    }
  }

  @Test func aSecretFileIsItsOwnersAlone() throws {
    try inFolder {
      write("", to: "a")
      chmod("\(folder)/a", 0o644)
      _ = try Descriptor.appending(to: "\(folder)/a", isSecret: true)
      let status = try FileStatus.of("\(folder)/a")
      #expect(!status.groupMayRead && !status.othersMayRead)
    }
  }
}
