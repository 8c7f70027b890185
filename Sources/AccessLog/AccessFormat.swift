import Base

/// How a record becomes a line.
public enum AccessFormat: Sendable {
  /// For people: what matters first, each time and count with its name.
  case text
  /// One object a line.
  case json
  /// httpd's Combined Log Format, byte for byte, for the programs that read it.
  case combined

  func write(_ record: borrowing AccessRecord, to line: inout LineBuffer) {
    switch self {
    case .text: Self.writeText(record, to: &line)
    case .json: Self.writeJSON(record, to: &line)
    case .combined: Self.writeCombined(record, to: &line)
    }
    line.put("\n")
  }

  // MARK: Text

  /// `2026-11-22T16:31:05.123Z web 192.0.2.7:4711 "GET https://example.com/ HTTP/1.1" 200 completed to=web/app1
  /// received=0 sent=1256 queue=0.000 connect=0.312 first=12.100 total=15.204 id=…`: times in milliseconds.
  private static func writeText(_ record: borrowing AccessRecord, to line: inout LineBuffer) {
    let facts = record.facts
    line.put(facts.time)
    line.put(" ")
    putWord(record.listener, to: &line)
    line.put(" ")
    if facts.client.isIPv4 {
      line.put(facts.client)
    } else {
      line.put("[")
      line.put(facts.client)
      line.put("]")
    }
    line.put(":")
    line.put(UInt64(facts.clientPort))
    line.put(" \"")
    line.putEscaped(record.method)
    line.put(" ")
    if !record.host.isMissing {
      line.put(facts.isEncrypted ? "https://" : "http://")
      line.putEscaped(record.host)
    }
    line.putEscaped(record.target)
    if let version = versionName(facts.version) {
      line.put(" ")
      line.put(version)
    }
    line.put("\" ")
    if facts.status == 0 { line.put("-") } else { line.put(UInt64(facts.status)) }
    line.put(" ")
    line.put(facts.ending.name)
    if !record.pool.isMissing {
      line.put(" to=")
      putWord(record.pool, to: &line)
      if !record.backend.isMissing {
        line.put("/")
        putWord(record.backend, to: &line)
      }
    }
    if facts.retries > 0 {
      line.put(" retries=")
      line.put(UInt64(facts.retries))
    }
    line.put(" received=")
    line.put(facts.bytesReceived)
    line.put(" sent=")
    line.put(facts.bytesSent)
    putTime(" queue=", facts.queue, to: &line)
    putTime(" connect=", facts.connect, to: &line)
    putTime(" first=", facts.firstByte, to: &line)
    line.put(" total=")
    line.put(microseconds: facts.total)
    if !record.user.isMissing {
      line.put(" user=")
      putWord(record.user, to: &line)
    }
    if !record.requestID.isMissing {
      line.put(" id=")
      putWord(record.requestID, to: &line)
    }
  }

  /// Without spaces, and `-` for nothing.
  private static func putWord(_ text: AccessText, to line: inout LineBuffer) {
    if text.bytes.isEmpty { line.put("-") } else { line.putEscaped(text, alsoSpaces: true) }
  }

  private static func putTime(_ name: StaticString, _ time: UInt32?, to line: inout LineBuffer) {
    guard let time else { return }
    line.put(name)
    line.put(microseconds: UInt64(time))
  }

  private static func versionName(_ version: UInt8) -> StaticString? {
    switch version {
    case 9: "HTTP/0.9"
    case 10: "HTTP/1.0"
    case 11: "HTTP/1.1"
    case 20: "HTTP/2.0"
    case 30: "HTTP/3.0"
    default: nil
    }
  }

  // MARK: JSON

  private static func writeJSON(_ record: borrowing AccessRecord, to line: inout LineBuffer) {
    let facts = record.facts
    line.put("{\"time\":\"")
    line.put(facts.time)
    line.put("\",\"event\":\"access\"")
    line.putMember(",\"listener\":", record.listener)
    line.put(",\"client\":\"")
    line.put(facts.client)
    line.putMember("\",\"client_port\":", UInt64(facts.clientPort))
    line.put(facts.isEncrypted ? ",\"scheme\":\"https\"" : ",\"scheme\":\"http\"")
    line.putMember(",\"method\":", record.method)
    line.putMember(",\"host\":", record.host)
    line.putMember(",\"target\":", record.target)
    if let version = versionName(facts.version) {
      line.put(",\"version\":\"")
      line.put(version)
      line.put("\"")
    }
    if facts.status > 0 { line.putMember(",\"status\":", UInt64(facts.status)) }
    line.put(",\"ending\":\"")
    line.put(facts.ending.name)
    line.put("\"")
    line.putMember(",\"pool\":", record.pool)
    line.putMember(",\"backend\":", record.backend)
    line.putMember(",\"retries\":", UInt64(facts.retries))
    line.putMember(",\"received\":", facts.bytesReceived)
    line.putMember(",\"sent\":", facts.bytesSent)
    line.putMember(",\"queue_ms\":", microseconds: facts.queue)
    line.putMember(",\"connect_ms\":", microseconds: facts.connect)
    line.putMember(",\"first_byte_ms\":", microseconds: facts.firstByte)
    line.put(",\"total_ms\":")
    line.put(microseconds: facts.total)
    line.putMember(",\"user\":", record.user)
    line.putMember(",\"referer\":", record.referer)
    line.putMember(",\"user_agent\":", record.userAgent)
    line.putMember(",\"id\":", record.requestID)
    line.put("}")
  }

  // MARK: Combined

  /// `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"` (httpd, mod_log_config), in UTC. One thing differs: a space in
  /// the user's name is escaped, where httpd lets it shift all fields behind it.
  private static func writeCombined(_ record: borrowing AccessRecord, to line: inout LineBuffer) {
    let facts = record.facts
    line.put(facts.client)
    line.put(" - ")
    if record.user.isMissing {
      line.put("-")
    } else if record.user.bytes.isEmpty {
      line.put("\"\"")
    } else {
      line.putEscaped(record.user, alsoSpaces: true)
    }
    line.put(" [")
    putClock(facts.time, to: &line)
    line.put("] \"")
    if record.method.isMissing, record.target.isMissing {
      line.put("-")
    } else {
      line.putEscaped(record.method)
      line.put(" ")
      line.putEscaped(record.target)
      if let version = versionName(facts.version), facts.version != 9 {
        line.put(" ")
        line.put(version)
      }
    }
    line.put("\" ")
    if facts.status == 0 { line.put("-") } else { line.put(UInt64(facts.status)) }
    line.put(" ")
    if facts.bytesSent == 0 { line.put("-") } else { line.put(facts.bytesSent) }
    putQuoted(record.referer, to: &line)
    putQuoted(record.userAgent, to: &line)
  }

  private static func putQuoted(_ text: AccessText, to line: inout LineBuffer) {
    line.put(" \"")
    if text.isMissing { line.put("-") } else { line.putEscaped(text) }
    line.put("\"")
  }

  private static let months: [StaticString] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// `22/Nov/2026:16:31:05 +0000`, out of `2026-11-22T16:31:05.123Z`.
  private static func putClock(_ time: WallTime, to line: inout LineBuffer) {
    var text = LineBuffer(capacity: 24)
    text.put(time)
    let digits = text.bytes
    func number(_ start: Int, _ count: Int) -> Int64 {
      digits[start..<start + count].reduce(0) { $0 * 10 + Int64($1) - 0x30 }
    }
    line.put(number(8, 2), digits: 2)
    line.put("/")
    line.put(months[Int(number(5, 2)) - 1])
    line.put("/")
    line.put(number(0, 4), digits: 4)
    for start in [11, 14, 17] {
      line.put(":")
      line.put(number(start, 2), digits: 2)
    }
    line.put(" +0000")
  }
}
