import Base
import Foundation
import Reactor
import Synchronization
import Testing

@testable import AccessLog

@Suite(.serialized, .timeLimit(.minutes(1)))
final class WriterTests {
  private let folder: String
  private let file: String
  private let news = News()

  private final class News: Sendable {
    private let all = Mutex<[AccessLogWriter.News]>([])
    func add(_ news: AccessLogWriter.News) { all.withLock { $0.append(news) } }
    var told: [AccessLogWriter.News] { all.withLock { $0 } }
  }

  init() throws {
    folder = NSTemporaryDirectory() + "access-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    file = folder + "/access.log"
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func writer(
    _ destination: AccessLogWriter.Settings.Destination? = nil, workers: Int = 1, capacity: Int = 1 << 17
  ) throws -> AccessLogWriter {
    let news = news
    return try AccessLogWriter(
      .init(destination ?? .file(file), .combined), workers: workers, capacity: capacity, tell: { news.add($0) })
  }

  private func lines(_ path: String? = nil) throws -> [String] {
    try String(contentsOfFile: path ?? file, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  private func await(_ condition: () throws -> Bool) async throws {
    for _ in 0..<2000 {
      if try condition() { return }
      try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("it did not happen within 10 s")
  }

  @Test
  func linesAppearWhileTheWriterRuns() async throws {
    let writer = try writer()
    for round in 1...3 {
      Example.ordinary().write(to: writer)
      try await self.await { writer.written == UInt64(round) }
    }
    #expect(try lines() == Array(repeating: String(Example.ordinary().line(.combined).dropLast()), count: 3))
    #expect(writer.finish(limit: 10_000))
    #expect(news.told.isEmpty)
  }

  @Test
  func nothingIsLostAtTheEnd() throws {
    let writer = try writer(workers: 4, capacity: 1 << 20)
    let threads = try (0..<4).map { worker in
      try Thread(name: "worker") {
        for number in 0..<2000 {
          let example = Example.ordinary()
          example.record.facts.bytesSent = UInt64(worker * 10_000 + number + 1)
          example.write(to: writer, worker: worker)
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(writer.finish(limit: 10_000))
    #expect(writer.dropped == 0)
    #expect(writer.written == 8000)
    let numbers = try lines().map { try #require(Int($0.split(separator: " ")[9])) }
    for worker in 0..<4 {
      #expect(numbers.filter { $0 / 10_000 == worker } == (1...2000).map { worker * 10_000 + $0 })
    }
  }

  @Test
  func aFileThatWasMovedAwayIsMadeAnew() async throws {
    let writer = try writer()
    Example.ordinary().write(to: writer)
    try await self.await { writer.written == 1 }
    try FileManager.default.moveItem(atPath: file, toPath: file + ".1")
    writer.reopen()
    try await self.await { FileManager.default.fileExists(atPath: self.file) }
    Example.ordinary().write(to: writer)
    #expect(writer.finish(limit: 10_000))
    #expect(try lines().count == 1 && lines(file + ".1").count == 1)
  }

  @Test
  func otherSettingsAreTakenOver() async throws {
    let writer = try writer()
    Example.ordinary().write(to: writer)
    try await self.await { writer.written == 1 }
    try writer.apply(.init(.file(folder + "/other.log"), .json))
    #expect(throws: AccessLogError.self) { try writer.apply(.init(.file("/nowhere/access.log"), .text)) }
    Example.ordinary().write(to: writer)
    #expect(writer.finish(limit: 10_000))
    #expect(try lines(folder + "/other.log").first?.hasPrefix("{\"time\"") == true)
  }

  @Test
  func whatIsWrongIsSaid() async throws {
    let error = #expect(throws: AccessLogError.self) { try self.writer(.file("/nowhere/access.log")) }
    #expect(error?.description == "log.access.file: /nowhere/access.log: no such file or directory (ENOENT)")

    let full = try writer(.file("/dev/full"))
    Example.ordinary().write(to: full)
    try await self.await { !self.news.told.isEmpty }
    #expect(full.finish(limit: 10_000))
    #expect(full.written == 0)
    #expect(
      news.told.first?.description
        == "the access log could not be written, lines are lost: log.access.file: /dev/full: no space left on device (ENOSPC)"
    )
  }

  /// A reader that has stopped: the thread hangs in its write, the worker does not.
  @Test
  func aStoppedReaderHoldsNobodyUp() async throws {
    let pipe = folder + "/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    let reader = open(pipe, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    let writer = try writer(.file(pipe))
    let example = Example.ordinary()
    let many: UInt64 = 20_000
    for _ in 0..<many { example.write(to: writer) }
    #expect(writer.dropped > 0)
    #expect(!writer.finish(limit: 1), "it waits for the reader")
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    var seen: UInt64 = 0
    while seen + writer.dropped < many {
      var wait = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
      try #require(poll(&wait, 1, 10_000) == 1)
      let count = read(reader, &bytes, bytes.count)
      try #require(count > 0)
      seen += UInt64(bytes[..<count].count { $0 == 0x0A })
    }
    #expect(writer.finish(limit: 10_000))
    #expect(seen == writer.written)
    #expect(news.told == [.dropped(writer.dropped)] || news.told.count > 1)
  }
}
