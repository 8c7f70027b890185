import Base
import Testing

@testable import TCPProxy

struct TokenTests {
  @Test(arguments: [
    Handle(slot: 0, generation: 1), Handle(slot: 1 << 29 - 1, generation: .max), Handle(slot: 12_345, generation: 7),
  ])
  func aTokenGivesBackWhatItWasMadeOf(handle: Handle) {
    for subject in [Token.Subject.client, .server, .listener, .worker, .spare] {
      let token = Token(rawValue: Token(subject, handle).rawValue)
      #expect(token.subject == subject)
      #expect(token.handle == handle)
    }
  }
}
