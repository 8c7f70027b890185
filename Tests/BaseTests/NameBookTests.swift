import Base
import Testing

private func ip(_ text: String) -> IPAddress { IPAddress(text)! }
private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

@Suite struct HostAddressesTests {
  @Test(arguments: [
    (["10.0.0.2", "10.0.0.1", "10.0.0.2"], "10.0.0.1, 10.0.0.2"),
    (["2001:db8::2", "10.0.0.9", "2001:db8::1", "9.0.0.1"], "9.0.0.1, 10.0.0.9, 2001:db8::1, 2001:db8::2"),
    // A server on localhost listens on IPv4 most often, and rarely on both.
    (["::1", "127.0.0.1"], "127.0.0.1"),
    (["::1", "127.0.0.3", "127.0.0.2"], "127.0.0.2, 127.0.0.3"),
    (["::1"], "::1"),
    (["::1", "10.0.0.1"], "10.0.0.1, ::1"),
    // An IPv4 address in the clothes of IPv6 is the same one.
    (["::ffff:10.0.0.1", "10.0.0.1"], "10.0.0.1"),
  ])
  func ordersWhatCame(answer: [String], list: String) {
    #expect(HostAddresses(answer.map(ip))?.description == list)
    #expect(HostAddresses(answer.reversed().map(ip)) == HostAddresses(answer.map(ip)))
  }

  @Test func nothingIsNone() { #expect(HostAddresses([]) == nil) }

  @Test func ofManyTheFirstAreTaken() throws {
    let all = (0..<100).map { IPAddress(ipv4: 0x0A00_0000 | UInt32($0)) }
    let addresses = try #require(HostAddresses(all.reversed()))
    #expect(addresses.list == Array(all.prefix(HostAddresses.most)))
    #expect(addresses.leftOut == 36)
    #expect(
      addresses.description
        == "10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6 and 57 more (the first 64 of 100)")
  }
}

@Suite struct NameBookTests {
  private static let failure = "\"a\" cannot be resolved: Name or service not known"

  private func book(_ names: String...) -> NameBook {
    var book = NameBook()
    book.add(names)
    return book
  }

  @Test func newNamesAreDueAtOnceAndOnlyOnce() {
    var book = book("b", "a")
    #expect(book.takeDue(now: at(1)) == ["a", "b"])
    #expect(book.takeDue(now: at(1000)) == [])
    #expect(book.nextDue == nil)
    book.add(["a", "c"])
    #expect(book.takeDue(now: at(2)) == ["c"])
  }

  @Test func anAnswerHoldsForTheInterval() throws {
    for random in [0, UInt64.max / 2, .max] {
      var book = book("a")
      _ = book.takeDue(now: at(1))
      let news = book.take(.addresses([ip("10.0.0.1")]), of: "a", now: at(2), random: random)
      let addresses = try #require(HostAddresses([ip("10.0.0.1")]))
      #expect(news == [.changed(from: nil, to: addresses)])
      #expect(book.addresses(of: "a") == addresses && book.isAnswered("a"))
      let due = try #require(book.nextDue)
      #expect(due >= at(2 + 27) && due <= at(2 + 33))
      #expect(book.takeDue(now: due + .nanoseconds(-1)) == [])
      #expect(book.takeDue(now: due) == ["a"])
      #expect(book.take(.addresses([ip("10.0.0.1")]), of: "a", now: due, random: random) == [])
    }
  }

  @Test func aFailureIsToldOnceAndTheLastAnswerHolds() throws {
    var book = book("a")
    let first = try #require(HostAddresses([ip("10.0.0.1")]))
    let second = try #require(HostAddresses([ip("10.0.0.2")]))
    _ = book.take(.addresses(first.list), of: "a", now: at(1), random: 0)
    #expect(
      book.take(.failed(Self.failure), of: "a", now: at(30), random: 0) == [.failed(Self.failure, holding: first)])
    #expect(book.addresses(of: "a") == first)
    let due = try #require(book.nextDue)
    #expect(due >= at(30) + .milliseconds(4500) && due <= at(30) + .milliseconds(5500))
    #expect(book.take(.failed("another"), of: "a", now: at(35), random: 0) == [])
    #expect(book.take(.addresses([]), of: "a", now: at(36), random: 0) == [])
    #expect(
      book.take(.addresses(second.list), of: "a", now: at(40), random: 0)
        == [.recovered(after: .seconds(10)), .changed(from: first, to: second)])
    #expect(
      book.take(.failed(Self.failure), of: "a", now: at(50), random: 0) == [.failed(Self.failure, holding: second)])
  }

  @Test func aNameWithoutAnyAnswerSaysWhy() throws {
    var book = book("a", "b")
    #expect(book.problem(of: "a") == "\"a\" is not resolved yet")
    #expect(!book.isAnswered("a"))
    #expect(book.take(.failed(Self.failure), of: "a", now: at(1), random: 0) == [.failed(Self.failure, holding: nil)])
    #expect(book.isAnswered("a") && book.addresses(of: "a") == nil)
    #expect(book.problem(of: "a") == Self.failure)
    #expect(
      book.take(.addresses([]), of: "b", now: at(1), random: 0) == [.failed("\"b\" has no address", holding: nil)])
    let addresses = try #require(HostAddresses([ip("10.0.0.1")]))
    #expect(
      book.take(.addresses(addresses.list), of: "a", now: at(7), random: 0) == [.changed(from: nil, to: addresses)])
  }

  @Test func whatIsForgottenIsForgotten() {
    var book = book("a", "b")
    _ = book.takeDue(now: at(1))
    book.keep(only: ["b", "c"])
    #expect(book.names == ["b"])
    #expect(book.take(.addresses([ip("10.0.0.1")]), of: "a", now: at(2), random: 0) == [])
    #expect(book.names == ["b"])
  }

  @Test func allAreAskedButThoseUnderWay() {
    var book = book("a", "b")
    _ = book.takeDue(now: at(1))
    _ = book.take(.addresses([ip("10.0.0.1")]), of: "a", now: at(1), random: 0)
    book.askAll()
    #expect(book.takeDue(now: at(1)) == ["a"])
  }
}
