import ArgumentParser
import Base
import Glibc
import Reactor

struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Start three small HTTP backends on ports 9001 to 9003 and the balancer in front of them.",
    discussion: """
      The backends are processes of their own, so that one can be killed to see what the health log says.

      Example:
        balancer demo --config balancer.json
      """)

  @OptionGroup var option: ConfigurationOption

  private static let ports: [UInt16] = [9001, 9002, 9003]

  func run() throws {
    let backends = DemoBackends()
    defer { backends.stop() }
    for port in Self.ports {
      do { try backends.start(port: port) } catch {
        throw fail(ExitStatus.system, "balancer demo: cannot start a backend: \(error)")
      }
    }
    for port in Self.ports { backends.waitUntilReady(port: port) }
    print(guide(backends))
    fflush(nil)
    let status = try Supervisor.run(option.file)
    if status != 0 { throw ExitCode(status) }
  }

  private func guide(_ backends: DemoBackends) -> String {
    let processes = zip(Self.ports, backends.processes).map { "127.0.0.1:\($0) is process \($1)" }
    return """
      Three backends: \(processes.joined(separator: ", ")).
      Try this in another terminal, and watch the log below:
        curl http://localhost:8080/                       each answer comes from the next backend
        kill \(backends.processes[1]) && curl http://localhost:8080/       one goes down, no request fails
        \(DemoBackends.program) demo-backend --port \(Self.ports[1])       it comes back
        curl http://127.0.0.1:9900/v1/status              what it knows; http://127.0.0.1:9900/ shows it in a browser
        edit \(option.config), then kill -HUP \(getpid())       only what changed is touched; a mistake is refused
      Ctrl-C stops everything.

      """
  }
}

/// The backends of the demo, as child processes that end with this one.
final class DemoBackends {
  private(set) var processes: [pid_t] = []

  /// The path of this program.
  static var program: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : "balancer"
  }

  func start(port: UInt16) throws(SystemError) {
    let arguments = [Self.program, "demo-backend", "--port", "\(port)", "--child"]
    var pointers = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var process = pid_t()
    let error = posix_spawn(&process, "/proc/self/exe", nil, nil, &pointers, environ)
    if error != 0 { throw SystemError("posix_spawn", error) }
    processes.append(process)
  }

  /// Returns when a backend listens, or after two seconds: the health log then says what is wrong with it.
  func waitUntilReady(port: UInt16) {
    let end = Clock.now + .seconds(2)
    while Clock.now < end {
      if Self.answers(port) { return }
      usleep(10_000)
    }
  }

  private static func answers(_ port: UInt16) -> Bool {
    func isOpen(_ socket: borrowing Descriptor) -> Bool {
      var wait = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
      return poll(&wait, 1, 100) == 1 && SocketIO.takeError(of: socket.number, "connect") == nil
    }
    switch Connecting.to(.ip(.loopbackIPv4, port: port)) {
    case .connected: return true
    case .underway(let socket): return isOpen(socket)
    case .failed: return false
    }
  }

  func stop() {
    for process in processes { kill(process, SIGTERM) }
    for process in processes { waitpid(process, nil, 0) }
  }
}
