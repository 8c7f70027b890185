import Glibc
import Testing

@testable import Reactor

@Suite(.serialized)
struct MailboxTests {
  @Test
  func messagesOfManyThreadsArriveOnceAndInOrder() throws {
    let mailbox = try Mailbox<(sender: Int, number: Int)>()
    let threads = try (0..<4).map { sender in
      try Thread(name: "sender \(sender)") { for number in 0..<10_000 { mailbox.post((sender, number)) } }
    }
    var next = [0, 0, 0, 0]
    var wait = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
    while next != [10_000, 10_000, 10_000, 10_000] {
      try #require(poll(&wait, 1, 10_000) == 1)
      for message in mailbox.take() {
        #expect(message.number == next[message.sender])
        next[message.sender] = message.number + 1
      }
    }
    for thread in threads { thread.join() }
    #expect(poll(&wait, 1, 0) == 0)
  }
}
