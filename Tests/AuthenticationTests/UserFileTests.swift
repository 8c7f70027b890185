import Base
import Testing

@testable import Authentication

struct UserFileTests {
  static let bcrypt = "$2y$05$XXXXXXXXXXXXXXXXXXXXXOnyGvjFw2bA3jGNgnHqLPtqVlGV27pEy"
  static let sha512 = "$6$saltsalt$" + String(repeating: "a", count: 86)
  static let sha256 = "$5$rounds=2000$saltsalt$" + String(repeating: "b", count: 43)

  private func read(_ text: String) throws(UserFile.Problems) -> UserFile { try UserFile(parsing: Array(text.utf8)) }

  private func problems(_ text: String) -> [String] {
    do throws(UserFile.Problems) {
      _ = try read(text)
      return []
    } catch { return error.all.map(\.description) }
  }

  @Test
  func usersAreRead() throws {
    let users = try read(
      "# ours\n\nalice:\(Self.bcrypt)\r\n  \nbob:\(Self.sha512):Bob from accounts\nérik:\(Self.sha256)")
    #expect(users.count == 3)
    #expect(users.hash(of: Array("alice".utf8))?.text == Array(Self.bcrypt.utf8) + [0])
    #expect(users.hash(of: Array("bob".utf8))?.text == Array(Self.sha512.utf8) + [0])
    #expect(users.hash(of: Array("érik".utf8)) != nil)
    #expect(users.hash(of: Array("Alice".utf8)) == nil)
  }

  @Test
  func whatIsGuessedTooQuicklyIsRefusedWithWords() {
    let bcrypt = "htpasswd -B makes one that is taken (bcrypt)"
    #expect(
      problems("a:secret\nb:$apr1$salt$hash\nc:$1$salt$hash\nd:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\ne:rqXexS6ZhobKA\nf:")
        == [
          "line 1: the password of a is no hash; plain text is not taken: \(bcrypt)",
          "line 2: the password of b is an MD5 hash, which is guessed too quickly: \(bcrypt)",
          "line 3: the password of c is an MD5 hash, which is guessed too quickly: \(bcrypt)",
          "line 4: the password of d is an SHA-1 hash without salt, which is guessed too quickly: \(bcrypt)",
          "line 5: the password of e is a DES hash of eight characters at most, which is guessed too quickly: \(bcrypt)",
          "line 6: the password of f is no hash; plain text is not taken: \(bcrypt)",
        ])
  }

  @Test
  func damagedLinesAreSaid() {
    #expect(
      problems("alice\nalice:\(Self.bcrypt)\nalice:\(Self.sha512)\n:\(Self.bcrypt)\nx:$9$a$b") == [
        "line 1: name:hash expected, found no colon",
        "line 3: alice has a password in line 2 already",
        "line 4: a name of 1…255 bytes without control characters expected before the colon",
        "line 5: the password of x has a hash of the unknown kind $9$: bcrypt ($2y$), SHA-512 ($6$) and SHA-256 ($5$) are taken",
      ])
    for hash in [
      "$2y$05$short", "$2y$5$" + String(repeating: ".", count: 53), "$2y$03$" + String(repeating: ".", count: 53),
      "$2y$05$" + String(repeating: "!", count: 53), "$2y$05$" + String(repeating: ".", count: 54), "$2y$", "$6$",
      "$6$$x",
      "$6$" + String(repeating: "s", count: 17) + "$" + String(repeating: "a", count: 86),
      "$6$rounds=5$s$" + String(repeating: "a", count: 86), "$6$rounds=+5000$s$" + String(repeating: "a", count: 86),
      "$6$s$" + String(repeating: "a", count: 43), "$5$s$" + String(repeating: "a", count: 86),
    ] {
      #expect(problems("a:\(hash)").first?.contains("has a damaged hash") == true, "\(hash)")
    }
    #expect(problems("") == ["has no user in it"])
    #expect(problems("# nobody\n") == ["has no user in it"])
  }

  @Test
  func costsAreBounded() {
    #expect(
      problems("a:$2y$15$" + String(repeating: ".", count: 53))
        == ["line 1: the password of a has a hash that takes too long to check: a cost of 15; 14 at most"])
    #expect(
      problems("a:$6$rounds=1000001$s$" + String(repeating: "a", count: 86)).first?.contains("1000000 at most") == true)
    #expect(problems("a:$2y$14$" + String(repeating: ".", count: 53)).isEmpty)
  }

  @Test
  func filesAreBounded() {
    #expect(problems(String(repeating: "\n", count: UserFile.largest + 1)) == ["is larger than 4 MiB"])
    let nonsense = problems(String(repeating: "nonsense\n", count: 5000))
    #expect(nonsense.count == 21 && nonsense.last == "line 21: and perhaps more; reading ended here")
    let many = (0...UserFile.mostUsers).map { "u\($0):\(Self.bcrypt)\n" }.joined()
    #expect(problems(many) == ["line 50001: more than 50000 users"])
  }

  @Test
  func theDecoyCostsWhatMostUsersCost() throws {
    let users = try read("a:\(Self.sha512)\nb:\(Self.bcrypt)\nc:\(Self.bcrypt)")
    #expect(String(decoding: users.decoy.text, as: UTF8.self).hasPrefix("$2y$05$...."))
    #expect(String(decoding: try read("a:\(Self.sha256)").decoy.text, as: UTF8.self).hasPrefix("$5$rounds=2000$...."))
    #expect(String(decoding: try read("a:\(Self.sha512)").decoy.text, as: UTF8.self).hasPrefix("$6$...."))
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func anyBytesAreTaken(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let parts = [
      "a", ":", "$", "6", "2y", "05", "rounds=5000", "\n", "\r", Self.bcrypt, String(repeating: ".", count: 86),
      "\u{0}",
    ]
    for _ in 0..<200 {
      _ = problems((0..<random.below(20)).map { _ in parts[random.below(parts.count)] }.joined())
    }
  }
}
