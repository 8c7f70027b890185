/// The names of listeners, pools and backends.
enum Name {
  static let pattern = #"^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$"#
  static let expected = "a name of 1 to 64 letters, digits, \".\", \"_\" or \"-\""

  static func check(_ member: JSONValue.Member, _ reading: Reading) {
    if isSegment(member.key) {
      reading.fail(at: member.location, segment(member.key))
    } else if !isValid(member.key) {
      reading.fail(at: member.location, "\(expected) expected, found \(member.key.quoted)")
    }
  }

  static func isValid(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && !isSegment(text)
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
      }
  }

  /// In a path these are no names: no client could ask the admin server for what is called so.
  static func isSegment(_ text: String) -> Bool { text == "." || text == ".." }

  static func segment(_ text: String) -> String {
    "\(text.quoted) is no name: in the paths of the admin API it means a folder"
  }
}
