/// What a script writes: its first line for the log, and how much it was in all. Pure.
struct ScriptOutput {
  /// More than this in all is no output of a check any more.
  static let most = 1 << 20
  /// Bytes of the first line that are kept.
  private static let longestLine = 1024

  private(set) var count = 0
  private var line: [UInt8] = []
  private var isLineWhole = false

  var isTooMuch: Bool { count > Self.most }

  mutating func add(_ bytes: some Collection<UInt8>) {
    count += bytes.count
    for byte in bytes where !isLineWhole {
      if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
        // Blank lines before it say nothing.
        isLineWhole = !line.isEmpty
      } else {
        line.append(byte)
        isLineWhole = line.count == Self.longestLine
      }
    }
  }

  /// `: "connection refused"` behind what is said before it; nothing where there was no output.
  var suffix: String { line.isEmpty ? "" : ": \(Excerpt.quoted(line))" }
}
