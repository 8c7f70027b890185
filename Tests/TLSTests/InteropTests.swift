import Base
import Foundation
import TLSFixtures
import Testing

@testable import TLS

/// The engine and the programs of OpenSSL, which have been written by others, on sockets.
@Suite struct InteropTests {
  private static let clients = TestCertificate.authority("Clients Root")

  /// A folder with the files that the programs need.
  private final class Folder {
    let path: String

    init() throws {
      path = NSTemporaryDirectory() + "tls-interop-\(getpid())-\(UInt64.random(in: 0 ... .max))"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws -> String {
      try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
      return "\(path)/\(name)"
    }
  }

  /// A run of `openssl`, both of whose outputs are read together. It ends in any case, so reading does too.
  private final class Program {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private(set) var text = ""

    init(_ arguments: [String], input text: String = "") throws {
      process.executableURL = URL(filePath: "/usr/bin/timeout")
      // The tests' runtime blocks SIGTERM, and whom it starts inherits that.
      process.arguments = ["--signal=KILL", "\(patience / 1000)", "openssl"] + arguments
      process.standardInput = input
      process.standardOutput = output
      process.standardError = output
      try process.run()
      try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    }

    deinit { stop() }

    /// Reads on until a text has come.
    func wait(for wanted: String) throws {
      while !text.contains(wanted) {
        let data = output.fileHandleForReading.availableData
        if data.isEmpty { throw Failure("\(wanted) has not come (apt-get install openssl), but: \(text)") }
        text += String(decoding: data, as: UTF8.self)
      }
    }

    /// Reads to the end.
    func finish() throws -> Int32 {
      text += String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return process.terminationStatus
    }

    /// Ends it: timeout(1) leads a process group of its own, with openssl in it.
    func stop() { if process.isRunning { kill(-process.processIdentifier, SIGKILL) } }
  }

  // MARK: s_client

  private struct Visit {
    var session: TLSSession?
    var failure: TLSFailure?
    var line = ""
    var text = ""
    var status: Int32 = 0
  }

  /// `openssl s_client` connects once, sends a line and gets one back.
  private func visit(_ context: TLSServerContext, _ arguments: [String]) throws -> Visit {
    let listener = try LoopbackListener()
    let program = try Program(
      ["s_client", "-connect", "127.0.0.1:\(listener.port)", "-brief", "-ign_eof"] + arguments, input: "ping\n")
    var visit = Visit()
    do {
      let end = try SocketEnd(context.makeEngine(), on: listener.accept())
      do {
        try end.handshake()
        visit.session = end.session
        visit.line = try end.receiveLine()
        try end.send("pong\n")
        try end.finish()
        // The client's close_notify.
        #expect(try end.receiveLine() == "")
      } catch let failure as TLSFailure {
        visit.failure = failure
      }
    }
    visit.status = try program.finish()
    visit.text = program.text
    return visit
  }

  private func site(_ folder: Folder) throws -> (Site, ca: String) {
    var site = Site()
    site.server.alpn = ["h2", "http/1.1"]
    site.server.certificates += [
      site.files.add("rsa", Site.authority.issue("rsa", "app.example", "*.apps.example", key: .rsa)),
      site.files.add("two", Site.authority.issue("two", "two.example")),
      site.files.add("old", Site.authority.issue("old", "old.example", from: -96, to: -48)),
    ]
    site.files["clients.pem"] = Self.clients.pem
    return (site, try folder.write("ca.pem", Site.authority.pem))
  }

  @Test(arguments: TLSVersion.allCases, [nil, "h2", "http/1.1,h2"])
  func clientsOfEachKind(version: TLSVersion, alpn: String?) throws {
    for name in ["app.example", "two.example"] { try clientOfAKind(version, alpn, name) }
  }

  private func clientOfAKind(_ version: TLSVersion, _ alpn: String?, _ name: String) throws {
    let folder = try Folder()
    let (site, ca) = try site(folder)
    let flag = version == .tls12 ? "-tls1_2" : "-tls1_3"
    let visit = try visit(
      site.makeServer(),
      [flag, "-CAfile", ca, "-verify_return_error", "-servername", name, "-verify_hostname", name]
        + (alpn.map { ["-alpn", $0] } ?? []))
    #expect(visit.failure == nil)
    #expect(visit.status == 0)
    #expect(visit.session?.version == version)
    #expect(visit.session?.alpn == (alpn == nil ? nil : "h2"))
    #expect(visit.session?.serverName == HostName(name))
    #expect(visit.line == "ping\n")
    #expect(visit.text.contains("pong"), "\(visit.text)")
    #expect(visit.text.contains("Verification: OK"), "\(visit.text)")
    #expect(visit.text.contains("Protocol version: TLSv\(version.rawValue)"), "\(visit.text)")
  }

  @Test(arguments: [("ECDSA+SHA256", "CN = app.example"), ("RSA-PSS+SHA256:RSA+SHA256", "CN = rsa")])
  func theKindOfKeyThatTheClientCanVerify(algorithms: String, subject: String) throws {
    let folder = try Folder()
    let site = try site(folder).0
    for flag in ["-tls1_2", "-tls1_3"] {
      let visit = try visit(site.makeServer(), [flag, "-servername", "app.example", "-sigalgs", algorithms])
      #expect(visit.text.contains("Peer certificate: \(subject)"), "\(visit.text)")
    }
  }

  @Test func clientsThatDoNotLikeWhatTheySee() throws {
    let folder = try Folder()
    let (site, ca) = try site(folder)
    let other = try folder.write("other.pem", Self.clients.pem)
    let server = try site.makeServer()
    for (arguments, alert) in [
      (["-CAfile", ca, "-servername", "old.example"], TLSAlert.certificateExpired),
      (["-CAfile", other, "-servername", "app.example"], .unknownCA),
      (["-CAfile", ca, "-servername", "two.example", "-verify_hostname", "app.example"], .badCertificate),
    ] {
      for flag in ["-tls1_2", "-tls1_3"] {
        let visit = try visit(server, arguments + [flag, "-verify_return_error"])
        #expect(visit.failure?.cause == .refused(alert), "\(arguments) \(flag)")
        #expect(visit.status != 0)
      }
    }
  }

  @Test func clientsThatAreNotLetIn() throws {
    let folder = try Folder()
    var site = try site(folder).0
    let server = try site.makeServer()
    #expect(try visit(server, ["-alpn", "smtp"]).failure?.cause == .incompatible)
    #expect(try visit(server, ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]).failure?.cause == .incompatible)
    #expect(try visit(server, ["-tls1_2", "-cipher", "AES128-SHA"]).failure?.cause == .incompatible)
    site.server.strictSNI = true
    let strict = try site.makeServer()
    #expect(try visit(strict, ["-servername", "unknown.example"]).failure?.cause == .unknownName)
    #expect(try visit(strict, ["-noservername"]).failure?.cause == .unknownName)
    #expect(try visit(strict, ["-servername", "x.apps.example"]).failure == nil)
  }

  @Test(arguments: TLSVersion.allCases)
  func clientCertificates(version: TLSVersion) throws {
    let folder = try Folder()
    var site = try site(folder).0
    site.server.clientAuthorities = ["clients.pem"]
    site.server.clientAuthentication = .require
    let flag = version == .tls12 ? "-tls1_2" : "-tls1_3"
    func arguments(_ certificate: TestCertificate) throws -> [String] {
      [
        flag, "-cert", try folder.write("client.pem", certificate.pem), "-key",
        try folder.write("client.key", certificate.key.pem()),
      ]
    }
    let server = try site.makeServer()
    let good = try visit(server, arguments(Self.clients.issue("somebody")))
    #expect(good.failure == nil)
    #expect(good.session?.certificate?.subject == "CN=somebody")
    #expect(good.text.contains("pong"))

    let none = try visit(server, [flag])
    #expect(none.failure?.words == "the client showed no certificate")
    #expect(none.line == "" && !none.text.contains("pong"))
    let bad = try visit(server, arguments(Site.authority.issue("somebody else")))
    #expect(bad.failure?.cause == .certificate)
    #expect(bad.line == "" && !bad.text.contains("pong"))

    site.server.clientAuthentication = .optional
    let optional = try site.makeServer()
    #expect(try visit(optional, [flag]).failure == nil)
    #expect(try visit(optional, arguments(Site.authority.issue("somebody else"))).failure?.cause == .certificate)
  }

  @Test(arguments: TLSVersion.allCases)
  func resumption(version: TLSVersion) throws {
    let folder = try Folder()
    let site = try site(folder).0
    let server = try site.makeServer()
    let arguments = [version == .tls12 ? "-tls1_2" : "-tls1_3", "-servername"]
    let file = "\(folder.path)/session.pem"
    #expect(try visit(server, arguments + ["app.example", "-sess_out", file]).session?.isResumed == false)
    #expect(try visit(server, arguments + ["two.example", "-sess_in", file]).session?.isResumed == false)
    // Also on a context made later from the same files.
    let again = try visit(site.makeServer(), arguments + ["app.example", "-sess_in", file])
    #expect(again.session?.isResumed == true)
    #expect(again.text.contains("pong"))
  }

  // MARK: s_server

  private func call(_ arguments: [String], _ site: Site) throws -> (session: TLSSession?, line: String) {
    let folder = try Folder()
    let program = try Program(
      [
        "s_server", "-accept", "127.0.0.1:0", "-rev", "-cert", try folder.write("app.pem", Site.certificate.pem),
        "-key",
        try folder.write("app.key", Site.certificate.key.pem()), "-CAfile",
        try folder.write("clients.pem", Self.clients.pem),
      ] + arguments)
    defer { program.stop() }
    try program.wait(for: "ACCEPT 127.0.0.1:")
    try program.wait(for: "\n")
    let line = program.text.split(separator: "\n").first { $0.hasPrefix("ACCEPT") }!
    let port = UInt16(line.split(separator: ":").last!)!
    let peer = try site.makePeer()
    var session: TLSSession?
    var answer = ""
    // The second time with the session of the first.
    for _ in 0..<2 {
      let end = try SocketEnd(peer.makeEngine(), connectingTo: port)
      try end.handshake()
      session = end.session
      try end.send("ping\n")
      answer = try end.receiveLine()
      try end.finish()
    }
    return (session, answer)
  }

  private func failure(_ arguments: [String], _ site: Site) throws -> TLSFailure? {
    do {
      _ = try call(arguments, site)
      return nil
    } catch let failure as TLSFailure {
      return failure
    }
  }

  @Test(arguments: TLSVersion.allCases, ["h2", nil])
  func backendsOfEachKind(version: TLSVersion, alpn: String?) throws {
    var site = Site()
    site.client.alpn = alpn.map { ["http/1.1", $0] } ?? []
    let (session, line) = try call(
      [version == .tls12 ? "-tls1_2" : "-tls1_3"] + (alpn.map { ["-alpn", $0] } ?? []), site)
    #expect(line == "gnip\n")
    #expect(session?.version == version)
    #expect(session?.alpn == alpn)
    #expect(session?.isResumed == true)
    #expect(session?.certificate?.subject == "CN=app.example")
  }

  @Test func backendsThatAreNotAccepted() throws {
    var site = Site()
    site.host = TLSServerName("other.example")
    #expect(
      try failure([], site)?.words
        == "certificate is not for other.example (backend cert CN=app.example, for app.example, *.apps.example)")
    site.client.verify = false
    #expect(try failure([], site) == nil)
    site = Site()
    site.files["ca.pem"] = Self.clients.pem
    #expect(try failure([], site)?.cause == .certificate)
    site = Site()
    site.client.versions = .tls13 ... .tls13
    #expect(try failure(["-tls1_2"], site)?.cause == .refused(.protocolVersion))
  }

  @Test(arguments: ["-tls1_2", "-tls1_3"])
  func backendsThatWantAClientCertificate(version: String) throws {
    var site = Site()
    let arguments = [version, "-Verify", "1", "-verify_return_error"]
    #expect(
      try failure(arguments, site)?.cause
        == .refused(version == "-tls1_3" ? .certificateRequired : .handshakeFailure))
    site.client.certificate = site.files.add("client", Self.clients.issue("balancer"))
    #expect(try failure(arguments, site) == nil)
    site.client.certificate = site.files.add("client", Site.authority.issue("stranger"))
    #expect(try failure(arguments, site)?.cause == .refused(.unknownCA))
  }
}
