import Base
import Glibc
import Testing

@testable import Reactor

@Suite struct ChildTests {
  /// Runs a shell's words to their end.
  private func run(
    _ script: String, variables: [(name: String, value: String)] = [], without: [String] = []
  ) throws -> (exit: Child.Exit, output: String) {
    var child = try Child.start(["sh", "-c", script], variables: variables, without: without)
    var output: [UInt8] = []
    let end = Clock.now + .seconds(20)
    while Clock.now < end {
      let exit = child.takeExit()
      read: while true {
        var buffer = [UInt8](repeating: 0, count: 4096)
        switch buffer.withUnsafeMutableBytes({ child.read(into: $0.baseAddress!, count: $0.count) }) {
        case .bytes(let count): output += buffer[..<count]
        default: break read
        }
      }
      if let exit { return (exit, String(decoding: output, as: UTF8.self)) }
      var wait = [
        pollfd(fd: child.end, events: Int16(POLLIN), revents: 0),
        pollfd(fd: child.output, events: Int16(POLLIN), revents: 0),
      ]
      _ = poll(&wait, 2, 1000)
    }
    throw SystemError("poll", ETIMEDOUT)
  }

  @Test func theExitStatusAndTheOutputArrive() throws {
    let result = try run("echo out; echo err >&2; exit 7")
    #expect(result.exit == .status(7))
    #expect(result.output == "out\nerr\n")
    #expect(try run("true").exit == .status(0))
  }

  @Test func aSignalHasItsName() throws {
    #expect(try run("kill -SEGV $$").exit == .signal("SIGSEGV"))
  }

  @Test func theEnvironmentIsAddedToAndTakenFrom() throws {
    setenv("CHILD_TEST_KEPT", "kept", 1)
    setenv("CHILD_TEST_REPLACED", "old", 1)
    setenv("CHILD_TEST_GONE", "gone", 1)
    let result = try run(
      "echo $CHILD_TEST_KEPT,$CHILD_TEST_REPLACED,$CHILD_TEST_ADDED,$CHILD_TEST_GONE",
      variables: [("CHILD_TEST_REPLACED", "new"), ("CHILD_TEST_ADDED", "a b")], without: ["CHILD_TEST_GONE"])
    #expect(result.output == "kept,new,a b,\n")
  }

  /// A program of ours may have blocked signals, ignores SIGPIPE, and has descriptors of its own.
  @Test func nothingOfThisProcessIsInherited() throws {
    SignalSource.ignoreBrokenPipes()
    let leak = open("/dev/null", O_RDONLY)
    defer { close(leak) }
    let result = try run(
      "ls /proc/self/fd; cat /dev/stdin; grep -E '^Sig(Blk|Ign)' /proc/self/status")
    // ls has a descriptor for the folder that it lists.
    #expect(result.output.hasPrefix("0\n1\n2\n3\nSigBlk"))
    #expect(result.output.contains("SigBlk:\t0000000000000000"))
    // But for 32 and 33, which the C library keeps for itself.
    #expect(result.output.contains(/SigIgn:\t0000000[01]80000000|SigIgn:\t0{16}/), "\(result.output)")
  }

  @Test func whatCannotBeStartedIsAnError() throws {
    let unusable = [("no-such-program", ENOENT), ("/no/such", ENOENT), ("/etc/passwd", EACCES)]
    for (program, number) in unusable {
      do throws(SystemError) {
        _ = try Child.start([program])
        Issue.record("\(program) was started")
      } catch {
        #expect(error.number == number, "\(program): \(error)")
      }
    }
  }

  @Test func killingTakesTheChildrenAlong() throws {
    let child = try Child.start(["sh", "-c", "sleep 600 & echo $!; wait"])
    let sleeper = try number(from: child)
    #expect(isRunning(sleeper))
    let killed = child.kill()
    try wait { killed?.isGone() != false }
    try wait { !isRunning(sleeper) }
  }

  @Test func whatOutlivesItsParentIsKilledWithIt() throws {
    var child = try Child.start(["sh", "-c", "sleep 600 & echo $!"])
    let sleeper = try number(from: child)
    try wait { child.takeExit() != nil }
    try wait { !isRunning(sleeper) }
    let killed = child.kill()
    #expect(killed == nil)
  }

  @Test func lettingGoKills() throws {
    let sleeper: Int32
    do {
      let child = try Child.start(["sh", "-c", "echo $$; exec sleep 600"])
      sleeper = try number(from: child)
    }
    try wait { !isRunning(sleeper) }
  }

  private func number(from child: borrowing Child) throws -> Int32 {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64)
    while text.last != UInt8(ascii: "\n") {
      var wait = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
      guard poll(&wait, 1, 20_000) > 0 else { throw SystemError("poll", ETIMEDOUT) }
      if case .bytes(let count) = buffer.withUnsafeMutableBytes({ child.read(into: $0.baseAddress!, count: 64) }) {
        text += buffer[..<count]
      }
    }
    return try #require(Int32(String(decoding: text.dropLast(), as: UTF8.self)))
  }

  /// There, and no zombie.
  private func isRunning(_ process: Int32) -> Bool {
    guard let bytes = try? Descriptor.contents(of: "/proc/\(process)/stat", limit: 4096) else { return false }
    let state = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ").first
    return state != "Z" && state != "X"
  }

  private func wait(_ condition: () -> Bool) throws {
    let end = Clock.now + .seconds(20)
    while !condition() {
      guard Clock.now < end else { throw SystemError("wait", ETIMEDOUT) }
      usleep(1000)
    }
  }
}
