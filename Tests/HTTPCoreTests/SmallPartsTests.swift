import Foundation
import Testing

@testable import HTTPCore

@Suite struct HTTPDateTests {
  private func date(_ seconds: Int64) -> String {
    withUnsafeTemporaryAllocation(byteCount: HTTPDate.length, alignment: 1) { room in
      HTTPDate.write(secondsSinceEpoch: seconds, into: room)
      return text(room)
    }
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
    (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
    (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"), (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
  ])
  func dates(_ seconds: Int64, _ expected: String) { #expect(date(seconds) == expected) }

  @Test func everyDayIsTheCalendars() {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    for day in stride(from: Int64(0), to: 80_000, by: 17) {
      let seconds = day * 86_400 + day % 86_400
      #expect(date(seconds) == formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds))))
    }
  }
}

@Suite struct AcceptEncodingTests {
  private func weight(_ values: [String], of coding: StaticString = "gzip") -> Int {
    let message = bytes("GET / HTTP/1.1\r\nHost: a\r\n" + values.map { "Accept-Encoding: \($0)\r\n" }.joined() + "\r\n")
    var progress = HeadProgress()
    return withTable { table in
      message.withUnsafeBytes { bytes in
        _ = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &table)
        return AcceptEncoding.weight(of: coding, in: table, of: bytes)
      }
    }
  }

  @Test(arguments: [
    ("gzip", 1000), ("GZip", 1000), ("x-gzip", 1000), ("deflate, gzip", 1000), ("gzip;q=0.5", 500),
    ("gzip ; q=0.123", 123),
    ("gzip;Q=1.000", 1000), ("gzip;q=0", 0), ("gzip;q=0.000", 0), ("*", 1000), ("*;q=0.2", 200), ("*;q=1, gzip;q=0", 0),
    ("br", 0), ("", 0), ("gzip;q=1.1", 0), ("gzip;q=2", 0), ("gzip;q=0.1234", 0), ("gzip;q=", 0), ("gzip;q=x", 0),
    ("gzip;q=-1", 0), ("gzip;a=b;q=0.3", 300), ("gzip;q=0.", 0), ("gzipx", 0), (",,gzip,", 1000),
  ])
  func weights(_ value: String, _ expected: Int) { #expect(weight([value]) == expected) }

  @Test func severalFieldsAreOne() {
    #expect(weight(["br", "gzip;q=0.4"]) == 400)
    #expect(weight([]) == 0)
    #expect(weight([], of: "identity") == 1000)
    #expect(weight(["identity;q=0"], of: "identity") == 0)
    #expect(weight(["gzip"], of: "identity") == 1000)
  }
}

@Suite struct EntityTagTests {
  private func weakening(_ tag: String) -> String? {
    bytes(tag).withUnsafeBytes { EntityTag.weakening($0).map { "\($0)" } }
  }

  @Test func tagsAreWeakened() {
    #expect(weakening("\"a\"") == "W/")
    #expect(weakening("\"\"") == "W/")
    #expect(weakening("W/\"a\"") == "")
    for bad in ["a", "\"a", "a\"", "", "\"", "w/\"a\"", "\"a\"b\"", "W/", "W/\"", "\"a b\""] {
      #expect(weakening(bad) == nil, "\(bad)")
    }
  }
}

@Suite struct MessageFaultTests {
  @Test func everyFaultHasAStatusAndWords() {
    for fault in MessageFault.allCases {
      #expect([400, 413, 414, 417, 431, 501, 505].contains(fault.status))
      #expect(!fault.description.isEmpty)
      #expect(!"\(StatusReason.phrase(fault.status))".isEmpty)
    }
    #expect(Set(MessageFault.allCases.map(\.description)).count == MessageFault.allCases.count)
    #expect(MemoryLayout<MessageFault>.size == 1)
  }
}

@Suite struct MethodTests {
  @Test func whatMayBeTriedAgain() {
    #expect(Method.allCases.filter(\.isIdempotent) == [.get, .head, .put, .delete, .options, .trace])
    #expect(Method.allCases.filter(\.isSafe) == [.get, .head, .options, .trace])
  }
}

@Suite struct PathNormalizerTests {
  @Test func tooLittleRoomIsSaid() {
    let path = bytes("/a/../b")
    path.withUnsafeBytes { path in
      withUnsafeTemporaryAllocation(byteCount: 8, alignment: 1) { room in
        #expect(PathNormalizer.normalize(path, into: room) == .needsRoom(22))
      }
    }
  }

  @Test func aPathInNormalFormIsNotWritten() {
    for path in ["/", "/a/b", "/a.b/c_d-e~f", "/a/b/"] {
      bytes(path).withUnsafeBytes { path in
        #expect(
          PathNormalizer.normalize(path, into: UnsafeMutableRawBufferPointer(start: nil, count: 0)) == .unchanged)
      }
    }
  }
}
