import Foundation
import Testing

extension EndToEnd {
  /// Cookies that several machines know, and files that change while the program runs.
  @Suite struct StickyKeys {
    let site: Site
    let backends: [HTTPEcho]

    init() throws {
      site = try Site()
      backends = try ["a", "b", "c"].map { [site] in try HTTPEcho($0, on: site) }
    }

    private func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
      let file = site.folder.appendingPathComponent(name).path
      // Renamed into place, as tools do.
      try text.write(toFile: file + ".new", atomically: false, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file + ".new")
      try #require(rename(file + ".new", file) == 0)
      return file
    }

    private static func secret(_ letter: Character) -> String { String(repeating: letter, count: 64) + "\n" }

    private func file(_ front: Address, keys: [String], listener: String = "") -> String {
      let names = keys.map { "\"\($0)\"" }.joined(separator: ", ")
      return """
        {
          "listeners": { "web": { "listen": "\(front)", "mode": "http", "pool": "web" \(listener) } },
          "pools": { "web": {
            "backends": [\(backends.map(\.json).joined(separator: ", "))], "health": "off",
            "sticky": { "cookie": "server", "keyFile": [\(names)] }
          } },
          "workers": 2
        }
        """
    }

    /// Who answers, and the cookie that it sets.
    private func visit(_ front: Address, _ cookie: String? = nil) throws -> (backend: String, cookie: String?) {
      let answer = try HTTPVisitor(front).ask(fields: cookie.map { "Cookie: \($0)\r\n" } ?? "")
      let set = answer.fields("Set-Cookie").first.map { String($0.prefix { $0 != ";" }) }
      return (answer.body, set)
    }

    private func expectKept(_ front: Address, _ cookie: String, at backend: String) throws {
      for _ in 0..<6 {
        let again = try visit(front, cookie)
        #expect(again.backend == backend && again.cookie == nil)
      }
    }

    @Test func machinesWithTheSameFileTakeEachOthersCookies() throws {
      let key = try write("sticky.key", Self.secret("k"))
      let other = try Site()
      let first = try site.balancer(file(site.front, keys: [key]))
      let second = try other.balancer(file(other.front, keys: [key]))
      let (backend, set) = try visit(site.front)
      let cookie = try #require(set)
      try expectKept(site.front, cookie, at: backend)
      try expectKept(other.front, cookie, at: backend)

      // A restart loses none.
      second.askToEnd()
      #expect(try second.waitForExit() == .status(0))
      _ = try other.balancer(file(other.front, keys: [key]))
      try expectKept(other.front, cookie, at: backend)

      // A new key in front: what the old one has signed is taken, and given anew.
      let new = try write("new.key", Self.secret("n"))
      try first.waitUntilReloaded(after: first.reload(file(site.front, keys: [new, key])))
      let renewed = try visit(site.front, cookie)
      #expect(renewed.backend == backend)
      let better = try #require(renewed.cookie)
      #expect(better != cookie)
      try expectKept(site.front, better, at: backend)
      // The other machine does not know it.
      #expect(try visit(other.front, better).cookie != nil)
    }

    @Test func filesThatChangeAreTakenByThemselves() throws {
      // "secret" and "other", of htpasswd with bcrypt and openssl passwd -6.
      let alice = "alice:$2y$04$g9id/Zt/TBOcY0cx5G3ige3oRB0YM69XhfyWgZlyrebN1VTr9S1vW\n"
      let key = try write("sticky.key", Self.secret("k"), mode: 0o644)
      let users = try write("users", alice)
      let routes = #", "routes": [{ "match": { "path": "/in" }, "pool": "web", "auth": { "basicFile": "\#(users)" } }]"#
      let balancer = try site.balancer(file(site.front, keys: [key], listener: routes))
      try balancer.log.waitForLine(containing: "sticky.key: holds a key that everyone may read: chmod 600")
      let (backend, set) = try visit(site.front)
      let cookie = try #require(set)
      try expectKept(site.front, cookie, at: backend)
      let visitor = try HTTPVisitor(site.front)
      func status(_ credentials: String) throws -> String {
        let value = Data(credentials.utf8).base64EncodedString()
        return String(try visitor.ask("GET /in", fields: "Authorization: Basic \(value)\r\n").prefix(12))
      }
      #expect(try status("alice:secret") == "HTTP/1.1 200")
      #expect(try status("bob:other") == "HTTP/1.1 401")

      // What cannot be used leaves everything as it was.
      var mark = balancer.log.mark
      _ = try write("sticky.key", "short\n")
      try balancer.log.waitForLine(containing: "what they held before stays in use", after: mark)
      try balancer.log.waitForLine(containing: "must hold 32 bytes or more", after: mark)
      try expectKept(site.front, cookie, at: backend)

      mark = balancer.log.mark
      _ = try write("sticky.key", Self.secret("n"))
      try balancer.log.waitForLine(containing: "were read anew", after: mark)
      #expect(try visit(site.front, cookie).cookie != nil)

      mark = balancer.log.mark
      _ = try write("users", "bob:$6$saltstring$" + Self.other + "\n")
      try balancer.log.waitForLine(containing: "were read anew", after: mark)
      // On the connection that was there before.
      #expect(try status("alice:secret") == "HTTP/1.1 401")
      #expect(try status("bob:other") == "HTTP/1.1 200")
    }

    private static let other =
      "bsk0qM9lGiGeAN7lmN4EcpFScR9lojvFMVx3AwAPhdDMFU8gm8BmOoLDxGXIGhxNXlxIe5Bl7U6ANL3uqIAjU/"
  }
}
