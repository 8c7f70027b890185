import Base
import Testing

@testable import HTTPCore

@Suite struct FieldTableTests {
  private func find(_ name: String) -> KnownField { bytes(name).withUnsafeBytes { KnownField.find($0) } }

  @Test func everyKnownFieldIsFoundInEverySpelling() {
    for field in KnownField.allCases where field != .other {
      let name = "\(field.name)" + (field == .xForwardedOther ? "user" : "")
      #expect(find(name) == field, "\(name)")
      #expect(find(name.uppercased()) == field, "\(name)")
      #expect(find(name.replacing("-", with: "_")) == field, "\(name)")
    }
    #expect(KnownField.allCases.count <= 64)
  }

  @Test func whatIsAlmostAKnownFieldIsNot() {
    for field in KnownField.allCases where field != .other && field != .xForwardedOther {
      let name = "\(field.name)"
      for other in [name + "x", "x" + name, String(name.dropLast()), String(name.dropFirst())] {
        let found = find(other)
        #expect(found == .other || found == .xForwardedOther || "\(found.name)" == other, "\(other)")
      }
      // One character changed.
      for index in name.indices {
        var other = name
        other.replaceSubrange(index...index, with: "%")
        #expect(find(other) == .other || find(other) == .xForwardedOther, "\(other)")
      }
    }
    #expect(find("x-forwarded-") == .other)
    #expect(find("") == .other)
  }

  @Test func fieldsAreFoundByNameAndInOrder() {
    let message = bytes(
      "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nX-A: 1\r\nCOOKIE: b=2\r\nx-a: 2\r\nX_Forwarded_For: z\r\n\r\n")
    var progress = HeadProgress()
    withTable { table in
      message.withUnsafeBytes { bytes in
        _ = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &table)
        let cookies = [
          table.index(of: .cookie, from: 0), table.index(of: .cookie, from: 2), table.index(of: .cookie, from: 4),
        ]
        #expect(cookies == [1, 3, nil])
        let (value, contains) = (table.value(of: .cookie, in: bytes).map(text), table.contains(.xForwardedFor))
        #expect(value == "a=1")
        #expect(!contains)
        let named = "x-A".utf8.withContiguousStorageIfAvailable { name in
          let name = UnsafeRawBufferPointer(name)
          return [
            table.index(named: name, in: bytes), table.index(named: name, in: bytes, from: 3),
            table.index(named: name, in: bytes, from: 5),
          ]
        }
        #expect(named == [2, 4, nil])
      }
    }
  }

  @Test func theTableGrowsOnceAndIsUsedAgain() {
    let message = bytes("GET / HTTP/1.1\r\nHost: a\r\n" + (0..<90).map { "X\($0): \($0)\r\n" }.joined() + "\r\n")
    var progress = HeadProgress()
    withTable { table in
      for _ in 0..<3 {
        message.withUnsafeBytes { bytes in
          _ = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &table)
          let (count, last) = (table.count, bytes.text(table[90].value))
          #expect(count == 91)
          #expect(last == "89")
        }
      }
    }
  }

  @Test func connectionNamesFieldsButNotThoseThatEverybodyNeeds() {
    let message = bytes(
      """
      GET / HTTP/1.1\r
      Host: a\r
      Connection: X-Own, x-forwarded-for, host, Authorization, Cookie, cache-control, TE, Keep-Alive\r
      X-Own: 1\r
      X-Forwarded-For: 192.0.2.1\r
      Authorization: Basic x\r
      Cookie: a\r
      Cache-Control: no-store\r
      Keep-Alive: timeout=5\r
      x-own: 2\r
      \r

      """)
    let parsed = parseRequest(message, ends: [message.count])
    let dropped = parsed.fields.filter { !$0.hasSuffix(" 0") }.map { $0.split(separator: ":")[0] }
    #expect(dropped == ["Connection", "X-Own", "Keep-Alive", "x-own"])
  }

  @Test(arguments: [("close", true), ("Keep-Alive, TE, Upgrade", true), ("X-Own", false), ("close, Cookie", false)])
  func trailersStayBehindWhenConnectionNamesFields(_ options: String, _ expected: Bool) {
    var progress = HeadProgress()
    withTable { table in
      bytes("GET / HTTP/1.1\r\nHost: a\r\nConnection: \(options)\r\n\r\n").withUnsafeBytes { bytes in
        let answer = RequestHead.parse(bytes, limits: HeadLimits(), progress: &progress, into: &table)
        guard case .head(let head) = answer else {
          Issue.record("\(answer)")
          return
        }
        #expect(head.forwardsTrailers == expected)
      }
    }
  }

  @Test func searchesAgreeWithTheirPlainForms() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<2000 {
      let count = generator.below(40)
      let interesting: [UInt8] = [0, 9, 10, 13, 0x1F, 0x20, 0x7E, 0x7F, 0x80, 0x8A, 0xFF]
      let line = (0..<count).map { _ in
        generator.below(4) == 0 ? interesting[generator.below(interesting.count)] : UInt8(0x20 + generator.below(0x5F))
      }
      line.withUnsafeBytes { bytes in
        let start = generator.below(count + 1)
        #expect(
          bytes.firstLineFeed(from: start, to: count) == line[start...].firstIndex(of: 10), "seed \(seed): \(line)")
        #expect(
          bytes.isFieldContent(from: start, to: count)
            == line[start...].allSatisfy { $0 == 9 || $0 >= 0x20 && $0 != 0x7F }, "seed \(seed): \(line)")
      }
    }
  }

  @Test func setsHoldWhatTheGrammarSays() {
    let token = Set("!#$%&'*+-.^_`|~".utf8)
    for byte in UInt8.min...UInt8.max {
      let scalar = Unicode.Scalar(byte)
      let isAlphanumeric = byte < 128 && (scalar.properties.isAlphabetic || (0x30...0x39).contains(byte))
      let isVisible = (0x21...0x7E).contains(byte)
      #expect(ByteSet.token.contains(byte) == (isAlphanumeric || token.contains(byte)))
      #expect(ByteSet.unreserved.contains(byte) == (isAlphanumeric || "-._~".utf8.contains(byte)))
      #expect(ByteSet.segment.contains(byte) == (isAlphanumeric || "-._~!$&'()*+,;=:@%".utf8.contains(byte)))
      #expect(ByteSet.rawPath.contains(byte) == (isVisible && !"#?\\".utf8.contains(byte)))
      #expect(ByteSet.query.contains(byte) == (isVisible && byte != 0x23))
      #expect(ByteSet.plainPath.contains(byte) == (ByteSet.segment.contains(byte) && !"%;.".utf8.contains(byte)))
    }
  }
}
