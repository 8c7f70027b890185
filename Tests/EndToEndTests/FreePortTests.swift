import Foundation
import Testing

extension EndToEnd {
  /// The harness keeps its word: whoever is told of a free port can have it.
  @Suite struct FreePorts {
    @Test func aFreePortCanBeListenedOnWhileProgramsStart() throws {
      let isOver = Locked(false)
      let starter = BackgroundThread {
        while !isOver.current { _ = try? ChildProcess(["/bin/true"]).waitForExit() }
      }
      var refused: [any Error] = []
      for _ in 0..<10000 {
        let port = try FreePort.take()
        do {
          try ListeningSocket(at: .ipv4(port)).close()
        } catch {
          refused.append(error)
        }
      }
      isOver.withLock { $0 = true }
      try starter.join()
      #expect(refused.isEmpty, "\(refused.count): \(refused.first.map(String.init(describing:)) ?? "")")
    }
  }
}
