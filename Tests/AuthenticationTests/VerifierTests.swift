import Base
import Foundation
import Reactor
import Testing

@testable import Authentication

@Suite(.serialized, .timeLimit(.minutes(2)))
struct VerifierTests {
  /// Made by `htpasswd -nbB -C 4 alice secret`, `openssl passwd -6`, and `openssl passwd -5`.
  static let users = try! UserFile(
    parsing: Array(
      """
      alice:$2y$04$g9id/Zt/TBOcY0cx5G3ige3oRB0YM69XhfyWgZlyrebN1VTr9S1vW
      bob:$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1
      carol:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA
      """.utf8))

  private let answers = try! Mailbox<PasswordVerifier.Answer>()
  private let now = Instant(nanoseconds: 1_000_000_000_000)

  private func verifier(_ change: (inout PasswordVerifier.Settings) -> Void = { _ in }) throws -> PasswordVerifier {
    var settings = PasswordVerifier.Settings()
    change(&settings)
    return try PasswordVerifier(settings)
  }

  private func desk(_ verifier: PasswordVerifier) throws -> CredentialsDesk {
    let answers = answers
    guard let desk = CredentialsDesk(verifier, reply: { answers.post($0) }) else { throw CancellationError() }
    return desk
  }

  private func credentials(_ text: String) throws -> BasicCredentials {
    try Array("Basic \(Data(text.utf8).base64EncodedString())".utf8).withUnsafeBytes { try BasicCredentials.read($0) }
  }

  private func next() throws -> PasswordVerifier.Answer {
    try #require(answers.wait(milliseconds: 20_000))
    let taken = answers.take()
    #expect(taken.count == 1)
    return try #require(taken.first)
  }

  /// Asks until there is an answer.
  private func ask(_ text: String, at desk: inout CredentialsDesk, now: Instant? = nil) throws -> Bool {
    switch desk.check(try credentials(text), in: Self.users, now: now ?? self.now) {
    case .allowed: return true
    case .denied: return false
    case .busy: throw CancellationError()
    case .pending:
      guard let verdict = desk.take(try next(), now: now ?? self.now) else { throw CancellationError() }
      return verdict
    }
  }

  @Test(arguments: ["alice", "bob", "carol"])
  func passwordsOfEveryKindAreVerified(_ user: String) throws {
    let verifier = try verifier()
    var desk = try desk(verifier)
    for (password, expected) in [
      ("secret", true), ("Secret", false), ("secret ", false), ("", false), ("secretsecret", false),
    ] {
      let verdict = try ask("\(user):\(password)", at: &desk)
      #expect(verdict == expected, "\(password)")
    }
    #expect(verifier.verified == 5)
    #expect(verifier.finish(limit: 10_000))
  }

  @Test
  func whoIsNoUserIsDeniedAfterTheSameWork() throws {
    let verifier = try verifier()
    var desk = try desk(verifier)
    let verdict = try ask("mallory:secret", at: &desk)
    #expect(!verdict)
    #expect(verifier.verified == 1)
    // libcrypt really works on a decoy: it would refuse one of a wrong form at once.
    let dots = { String(repeating: ".", count: $0) }
    for hash in ["$2y$04$" + dots(53), "$2b$04$" + dots(53), "$5$rounds=1000$s$" + dots(43), "$6$s$" + dots(86)] {
      let file = try UserFile(parsing: Array("a:\(hash)".utf8))
      let isMatch = Crypt().matches([0x78, 0], file.decoy)
      #expect(isMatch == false, "\(hash)")
    }
    #expect(verifier.finish(limit: 10_000))
  }

  @Test
  func verdictsAreRememberedForAWhile() throws {
    let verifier = try verifier {
      $0.lifetime = .seconds(60)
      $0.deniedLifetime = .seconds(5)
    }
    var desk = try desk(verifier)
    for offset in [0, 1, 59] {
      let good = try ask("alice:secret", at: &desk, now: now + .seconds(offset))
      #expect(good)
    }
    for offset in [0, 4] {
      let bad = try ask("alice:wrong", at: &desk, now: now + .seconds(offset))
      let unknown = try ask("mallory:wrong", at: &desk, now: now + .seconds(offset))
      #expect(!bad && !unknown)
    }
    #expect(verifier.verified == 3)
    // The verifier has a memory of its own, so another worker's question costs nothing either.
    var other = try self.desk(verifier)
    let good = try ask("alice:secret", at: &other)
    #expect(good)
    #expect(verifier.verified == 3)
    let isOver = desk.check(try credentials("alice:secret"), in: Self.users, now: now + .seconds(60))
    guard case .pending = isOver else {
      Issue.record("remembered for too long")
      return
    }
    _ = try next()
    #expect(verifier.finish(limit: 10_000))
  }

  @Test
  func aChangedFileForgetsWhatWasRemembered() throws {
    let verifier = try verifier()
    var desk = try desk(verifier)
    let good = try ask("alice:secret", at: &desk)
    #expect(good)
    let changed = try UserFile(parsing: Array("alice:\(UserFileTests.bcrypt)\n".utf8))
    guard case .pending = desk.check(try credentials("alice:secret"), in: changed, now: now) else {
      Issue.record("an old verdict counted")
      return
    }
    let verdict = desk.take(try next(), now: now)
    #expect(verdict == false)
    let removed = try UserFile(parsing: Array("zoe:\(UserFileTests.bcrypt)\n".utf8))
    guard case .pending = desk.check(try credentials("alice:secret"), in: removed, now: now) else {
      Issue.record("an old verdict counted")
      return
    }
    _ = try next()
    #expect(verifier.finish(limit: 10_000))
  }

  @Test
  func whoWaitsIsBounded() throws {
    let verifier = try verifier { $0.queue = 3 }
    var desk = try desk(verifier)
    var pending = 0
    var busy = 0
    for number in 0..<50 {
      switch desk.check(try credentials("alice:\(number)"), in: Self.users, now: now) {
      case .pending: pending += 1
      case .busy: busy += 1
      case .allowed, .denied: Issue.record("nothing is known of it")
      }
    }
    #expect(pending >= 3 && busy > 0)
    #expect(verifier.refused == UInt64(busy))
    var answered = 0
    while answered < pending {
      try #require(answers.wait(milliseconds: 20_000))
      for answer in answers.take() {
        let verdict = desk.take(answer, now: now)
        #expect(verdict == false)
        answered += 1
      }
    }
    let waiting = desk.waiting
    #expect(waiting == 0)
    // Places are given back.
    let good = try ask("alice:secret", at: &desk)
    #expect(good)
    #expect(verifier.finish(limit: 10_000))
  }

  @Test
  func whatNobodyWaitsForIsLeftOut() throws {
    let verifier = try verifier()
    var desk = try desk(verifier)
    var tickets: [CredentialsDesk.Ticket] = []
    for number in 0..<20 {
      if case .pending(let ticket) = desk.check(try credentials("alice:\(number)"), in: Self.users, now: now) {
        tickets.append(ticket)
      }
    }
    for ticket in tickets.dropFirst() { desk.abandon(ticket) }
    let waiting = desk.waiting
    #expect(waiting == 1)
    let good = try {
      while true {
        try #require(answers.wait(milliseconds: 20_000))
        for answer in answers.take() where answer.ticket == tickets[0] { return desk.take(answer, now: now) }
      }
    }()
    #expect(good == false)
    #expect(verifier.verified < 20)
    #expect(verifier.finish(limit: 10_000))
  }
}
