import Base
import Foundation
import TLS
import Testing

@testable import TCPProxy

/// Programs that others have written, as clients of a listener with TLS and as backends.
@Suite struct SecureInteropTests {
  /// A folder with the files that the programs need.
  private final class Folder {
    let path = NSTemporaryDirectory() + "balancer-tls-\(getpid())-\(UInt64.random(in: 0 ... .max))"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws -> String {
      try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
      return "\(path)/\(name)"
    }
  }

  /// Runs a program to its end, which comes in any case.
  private func run(_ arguments: [String], input: String? = nil) throws -> (text: String, status: Int32) {
    let process = Process()
    let (output, inputPipe) = (Pipe(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/timeout")
    process.arguments = ["\(patience / 1000)"] + arguments
    process.standardOutput = output
    process.standardError = output
    process.standardInput = inputPipe
    try process.run()
    if let input { try inputPipe.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (text, process.terminationStatus)
  }

  @Test(arguments: ["-tls1_2", "-tls1_3"], Sides.allCases.filter(\.client))
  func opensslIsServed(version: String, sides: Sides) throws {
    let tls = TestTLS()
    let folder = try Folder()
    let authority = try folder.write("ca.pem", tls.files.text("ca.pem"))
    let setting = try SecureSetting(sides, tls) { peer in
      let line = try peer.receiveText(5)
      try peer.send("<\(line)>")
      try peer.finish()
      _ = try peer.receiveAll()
    }
    let (text, status) = try run(
      [
        "openssl", "s_client", "-connect", "127.0.0.1:\(setting.proxy.port)", "-servername", "app.example",
        "-verify_hostname", "app.example", "-CAfile", authority, "-verify_return_error", "-brief", "-ign_eof", version,
      ], input: "ping\n")
    #expect(text.contains("Verification: OK"), "\(text)")
    #expect(text.contains("<ping\n>"), "\(text)")
    #expect(status == 0)
    try setting.proxy.waitUntilAtRest()
    #expect(setting.proxy.handshakes == 1)
    #expect(setting.server.errors == [])
  }

  /// A page of 2 MB through TLS on both sides, from a backend that closes behind it.
  @Test func curlIsServed() throws {
    let tls = TestTLS()
    let folder = try Folder()
    let authority = try folder.write("ca.pem", tls.files.text("ca.pem"))
    let page = [UInt8](repeating: UInt8(ascii: "x"), count: 2_000_000)
    let setting = try SecureSetting(.both, tls) { peer in
      var request = ""
      while !request.hasSuffix("\r\n\r\n") { request += try peer.receiveText(1) }
      try peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
      try peer.send(page)
      try peer.finish()
      _ = try peer.receiveAll()
    }
    let (text, status) = try run([
      "curl", "--silent", "--show-error", "--cacert", authority, "--connect-to",
      "app.example:443:127.0.0.1:\(setting.proxy.port)",
      "--output", "\(folder.path)/page", "--write-out", "%{http_code} %{size_download}", "https://app.example/",
    ])
    #expect(status == 0, "\(text)")
    #expect(text == "200 2000000")
    #expect(try Data(contentsOf: URL(filePath: "\(folder.path)/page")) == Data(page))
    try setting.proxy.waitUntilAtRest()
    #expect(setting.server.errors == [])
  }
}
