import Foundation
import Testing

extension EndToEnd {
  /// Checks that speak a protocol, or ask a program.
  @Suite struct ProtocolChecks {
    let site: Site

    init() throws { site = try Site() }

    /// One failure takes a backend out, one success brings it back.
    private func health(_ keys: String, interval: String = "60ms", timeout: String = "5s") -> String {
      #""health": { "interval": "\#(interval)", "timeout": "\#(timeout)", "fall": 1, "rise": 1, \#(keys) }"#
    }

    /// A server that answers each thing it is asked with the next of its answers.
    private static func answering(_ answers: [[UInt8]], speakingFirst: Bool = false) -> TestBackend.Service {
      { connection in
        var buffer = [UInt8](repeating: 0, count: 4096)
        for (turn, answer) in answers.enumerated() {
          if turn > 0 || !speakingFirst {
            let count = try buffer.withUnsafeMutableBytes { try connection.receiveSome($0, Deadline(in: patience)) }
            if count == 0 { return }
          }
          try connection.send(answer)
        }
        _ = try connection.receiveAll()
      }
    }

    private static func answering(_ answers: String..., speakingFirst: Bool = false) -> TestBackend.Service {
      answering(answers.map { Array($0.utf8) }, speakingFirst: speakingFirst)
    }

    /// The greeting of MySQL 8, and what follows a login.
    private static let mysql: [[UInt8]] = {
      let greeting =
        [10] + Array("8.0.36\0".utf8) + [1, 0, 0, 0] + Array("12345678\0".utf8) + [
          0xFF, 0xF7, 33, 2, 0, 0xFF, 0x81, 21,
        ]
        + [UInt8](repeating: 0, count: 10) + Array("123456789012\0mysql_native_password\0".utf8)
      return [[UInt8(greeting.count), 0, 0, 0] + greeting, [7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0]]
    }()

    struct Kind: CustomStringConvertible, Sendable {
      let type: String
      var keys = ""
      let service: TestBackend.Service

      var description: String { type + keys }
    }

    static let kinds = [
      Kind(type: "tcp", keys: #", "expect": "SSH-2.0-""#, service: answering("SSH-2.0-x\r\n", speakingFirst: true)),
      Kind(type: "tcp", keys: #", "send": "version\r\n", "expect": "VERSION ""#, service: answering("VERSION 1\r\n")),
      Kind(type: "redis", service: answering("+PONG\r\n")),
      Kind(type: "redis", service: answering("-NOAUTH Authentication required.\r\n")),
      Kind(type: "postgresql", service: answering("S")),
      Kind(type: "postgresql", service: answering("N")),
      Kind(type: "mysql", service: answering([mysql[0]], speakingFirst: true)),
      Kind(type: "mysql", keys: #", "user": "balancer""#, service: answering(mysql, speakingFirst: true)),
      Kind(type: "smtp", service: answering("220-a\r\n220 b\r\n", "221 c\r\n", speakingFirst: true)),
    ]

    @Test(arguments: kinds) func aServerThatAnswersIsUp(_ kind: Kind) throws {
      let backend = try site.backend("", kind.service)
      let balancer = try site.balancer(
        site.configuration([backend.json], pool: health(#""type": "\#(kind.type)"\#(kind.keys)"#)))
      try balancer.log.waitForLine(
        containing: "web/\(backend.address) UP at its first check: \(kind.type) check passed in")
    }

    @Test(arguments: kinds) func aServerThatSaysSomethingElseIsDown(_ kind: Kind) throws {
      let backend = try site.backend("", Self.answering("HTTP/1.1 400 Bad Request\r\n\r\n", speakingFirst: true))
      let balancer = try site.balancer(
        site.configuration([backend.json], pool: health(#""type": "\#(kind.type)"\#(kind.keys)"#, timeout: "2s")))
      let line = try balancer.log.waitForLine(containing: "web/\(backend.address) DOWN at its first check: expected ")
      #expect(line.contains(#"received "HTTP/1.1 400 Bad Request"#) || line.contains(#"received only "HTTP/1.1 400"#))
      #expect(line.contains(", \(kind.type) check took "))
    }

    @Test func theServersOwnWordsAreInTheLog() throws {
      let isLoading = Locked(true)
      let backend = try site.backend("") { connection in
        _ = try connection.receiveLine()
        let answer =
          isLoading.current ? "-LOADING Redis is loading the dataset in memory\r\n" : "+PONG\r\n"
        try connection.send(answer)
        _ = try connection.receiveAll()
      }
      let balancer = try site.balancer(
        site.configuration([backend.json], pool: health(#""type": "redis""#), top: #""log": { "format": "json" }"#))
      let line = try balancer.log.waitForLine(containing: #""to":"down""#)
      let event = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(
        event["cause"] as? String == #"expected +PONG, received "-LOADING Redis is loading the dataset in memory""#)
      #expect(event["layer"] as? String == "L7")
      isLoading.withLock { $0 = false }
      try balancer.log.waitForLine(containing: #""to":"up""#)
    }

    @Test func aBackendMayBeCheckedElsewhere() throws {
      let (backend, other) = (try site.backend("a"), try site.backend("b"))
      let witness = try site.backend("", Self.answering("+PONG\r\n"))
      let liar = try site.backend("", Self.answering("-LOADING\r\n"))
      let balancer = try site.balancer(
        site.configuration(
          [
            backend.json(#""check": \#(witness.json)"#),
            other.json(#""check": \#(liar.json)"#),
          ], pool: health(#""type": "redis""#)))
      try balancer.log.waitForLine(
        containing: "web/\(backend.address) UP at its first check: redis check of \(witness.address) passed in")
      try balancer.log.waitForLine(
        containing: "web/\(other.address) DOWN at its first check:", "redis check of \(liar.address) took")
      #expect(try site.visits(4) == ["a", "a", "a", "a"])
    }

    @Test func aPoolMayBeCheckedOnAnotherPort() throws {
      let backend = try site.backend("a")
      let witness = try site.backend("", Self.answering("+PONG\r\n"))
      guard case .ipv4(let port) = witness.address else { return }
      let balancer = try site.balancer(
        site.configuration([backend.json], pool: health(#""type": "redis", "port": \#(port)"#)))
      try balancer.log.waitForLine(
        containing: "web/\(backend.address) UP at its first check: redis check of \(witness.address) passed in")
    }

    @Test func aReloadChangesTheTypeAtOnce() throws {
      let backend = try site.backend("a")
      let balancer = try site.balancer(
        site.configuration([backend.json], pool: #""health": { "interval": "1h" }"#))
      try balancer.log.waitForLine(containing: "UP at its first check: tcp check passed")
      try balancer.reload(
        site.configuration([backend.json], pool: #""health": { "interval": "1h", "type": "redis", "fall": 1 }"#))
      let line = try balancer.log.waitForLine(containing: "DOWN after", "redis check took")
      #expect(line.contains(#"expected +PONG, received "a""#))
    }

    // MARK: Scripts

    private func script(_ name: String, _ text: String) throws {
      let file = site.folder.appendingPathComponent(name)
      try ("#!/bin/sh\n" + text).write(to: file, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    }

    @Test func aScriptDecides() throws {
      let backend = try site.backend("a")
      try script("decide", "test -e \"$1/up\" || { echo not yet; exit 4; }\n")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json], pool: health(#""type": "script", "script": ["./decide", "\#(site.folder.path)"]"#)))
      let line = try balancer.log.waitForLine(containing: "web/\(backend.address) DOWN at its first check:")
      #expect(line.contains(#": exit status 4: "not yet", script check took "#))
      try "".write(to: site.folder.appendingPathComponent("up"), atomically: true, encoding: .utf8)
      try balancer.log.waitForLine(containing: "web/\(backend.address) UP after", "script check passed in")
      #expect(try site.visit() == "a")
    }

    @Test func aScriptKnowsWhatItChecks() throws {
      let backend = try site.backend("a")
      let program =
        #"echo $BALANCER_POOL $BALANCER_BACKEND $BALANCER_ADDRESS $BALANCER_HOST:$BALANCER_PORT $GIVEN; exit 1"#
      let balancer = try site.balancer(
        site.configuration(
          [backend.json(#""name": "one""#)],
          pool: health(#""type": "script", "script": ["sh", "-c", "\#(program)"]"#)), environment: ["GIVEN": "too"])
      let line = try balancer.log.waitForLine(containing: "DOWN at its first check:")
      #expect(line.contains(#""web one \#(backend.address) \#(backend.address) too""#))
    }

    @Test func aScriptThatHangsIsKilledWithItsChildren() throws {
      let backend = try site.backend("a")
      try script("hang", "echo waiting\nsleep 987654 &\nwait\n")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json],
          pool: health(#""type": "script", "script": ["./hang"]"#, interval: "1h", timeout: "1s")))
      let line = try balancer.log.waitForLine(containing: "DOWN at its first check:")
      #expect(line.contains(#": no result within 1s: "waiting", script check took "#))
      let pid = balancer.process.pid
      try waitUntil("the script is gone") { try ProcessFigures(pid: pid).children.isEmpty }
      try waitUntil("its child is gone") { try Self.commands(containing: "987654").isEmpty }
    }

    @Test func nothingOfAScriptOutlivesTheProgram() throws {
      let backend = try site.backend("a")
      try script("hang", "sleep 876543 &\nwait\n")
      let balancer = try site.balancer(
        site.configuration(
          [backend.json], pool: health(#""type": "script", "script": ["./hang"], "initial": "up""#, timeout: "1h")))
      try waitUntil("the script runs") { try Self.commands(containing: "876543").count == 1 }
      balancer.askToEnd()
      #expect(try balancer.waitForExit() == .status(0))
      try waitUntil("nothing of it is left") { try Self.commands(containing: "876543").isEmpty }
    }

    /// The running processes with this in their command.
    private static func commands(containing text: String) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
        guard Int(name) != nil, let stream = fopen("/proc/\(name)/cmdline", "re") else { return nil }
        defer { fclose(stream) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = fread(&buffer, 1, buffer.count, stream)
        let command = String(decoding: buffer[..<count], as: UTF8.self)
        return command.contains(text) ? command : nil
      }
    }
  }
}
