import Base

@testable import AccessLog

/// A record whose texts live as long as the test.
final class Example {
  private var kept: [UnsafeMutableRawBufferPointer] = []
  var record = AccessRecord(AccessRecord.Facts())

  deinit { for bytes in kept { bytes.deallocate() } }

  func text(_ bytes: some Collection<UInt8>) -> AccessText {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
    copy.copyBytes(from: bytes)
    kept.append(copy)
    return AccessText(UnsafeRawBufferPointer(rebasing: copy[..<bytes.count]))
  }

  func text(_ text: String) -> AccessText { self.text(Array(text.utf8)) }

  func line(_ format: AccessFormat) -> String {
    var buffer = LineBuffer(capacity: 0)
    format.write(record, to: &buffer)
    return String(decoding: buffer.bytes, as: UTF8.self)
  }

  func write(to ring: AccessRing) -> Bool { withExtendedLifetime(self) { ring.write(record) } }

  func write(to writer: AccessLogWriter, worker: Int = 0) {
    withExtendedLifetime(self) { writer.write(record, worker: worker) }
  }

  /// An ordinary exchange.
  static func ordinary() -> Example {
    let example = Example()
    var facts = AccessRecord.Facts()
    facts.time = WallTime(nanosecondsSinceEpoch: 1_795_365_065_123_456_789)
    facts.client = IPAddress("192.0.2.7")!
    facts.clientPort = 4711
    facts.status = 200
    facts.version = 11
    facts.isEncrypted = true
    facts.bytesSent = 1256
    facts.queue = 0
    facts.connect = 312
    facts.firstByte = 12_100
    facts.total = 15_204
    example.record.facts = facts
    example.record.listener = example.text("web")
    example.record.pool = example.text("app")
    example.record.backend = example.text("app1")
    example.record.method = example.text("GET")
    example.record.target = example.text("/a?b=c")
    example.record.host = example.text("example.com")
    example.record.referer = example.text("https://example.org/")
    example.record.userAgent = example.text("curl/8.5")
    example.record.requestID = example.text("01890a5d-ac96-774b-bcce-b302099a8057")
    return example
  }
}
