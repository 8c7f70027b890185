import Base
import Testing

@testable import AdminClient

@Suite struct EventStreamTests {
  private func read(_ text: String, cutInto size: Int = .max) -> [EventStream.Item] {
    var stream = EventStream()
    var items: [EventStream.Item] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      items += stream.take(rest.prefix(size))
      rest = rest.dropFirst(size)
    }
    return items
  }

  private func event(_ id: String, _ name: String, _ data: String) -> EventStream.Item {
    .event(EventStream.Event(id: id, name: name, data: data))
  }

  @Test(arguments: [1, 2, 3, 7, 1000]) func anEventIsWhatItIsHoweverItIsCut(size: Int) {
    let text =
      "id: 7\nevent: health\ndata: {\"a\":1}\n\n: still here\n\nid: 8\r\nevent: reload\r\ndata: x\r\ndata:y\r\n\r\n"
    #expect(
      read(text, cutInto: size) == [
        event("7", "health", "{\"a\":1}"), .comment("still here"), event("8", "reload", "x\ny"),
      ])
  }

  @Test func whatIsNotSaidHasADefault() {
    #expect(read("data\n\n") == [event("", "message", "")])
    // The number of the event before stays; its name does not.
    #expect(
      read("id: 1\nevent: a\ndata: 1\n\ndata: 2\n\n") == [event("1", "a", "1"), event("1", "message", "2")])
  }

  @Test func anEventWithoutDataIsNone() {
    #expect(read("event: a\nid: 4\n\ndata: b\n\n") == [event("4", "message", "b")])
    #expect(read("\n\n\n").isEmpty)
  }

  @Test func anEventThatHasNotEndedIsNotTold() {
    #expect(read("data: a").isEmpty)
    #expect(read("data: a\n").isEmpty)
  }

  @Test func loneCarriageReturnsEndLines() {
    #expect(read("data: a\r\rdata: b\r\n\r\n", cutInto: 1) == [event("", "message", "a"), event("", "message", "b")])
  }

  @Test func aByteOrderMarkIsNoPartOfTheFirstLine() {
    #expect(read("\u{FEFF}data: a\n\n", cutInto: 1) == [event("", "message", "a")])
  }

  @Test func unknownFieldsAndZerosInAnIdentifierArePassedOver() {
    #expect(read("id: 1\nid: a\u{0}b\nretry: 5\nnonsense: x\ndata: y\n\n") == [event("1", "message", "y")])
  }

  @Test func anEventThatIsTooLongIsDroppedAndTheNextIsRead() {
    let long = String(repeating: "x", count: EventStream.longest + 10)
    let isOnlyTheNext = read("data: \(long)\n\ndata: b\n\n", cutInto: 65_536) == [event("", "message", "b")]
    #expect(isOnlyTheNext)
    let many = String(repeating: "data: 0123456789\n", count: EventStream.longest / 10)
    let isOnlyTheSecond = read("\(many)\ndata: b\n\n", cutInto: 65_536) == [event("", "message", "b")]
    #expect(isOnlyTheSecond)
  }
}
