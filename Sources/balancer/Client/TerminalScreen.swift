import Glibc
import Reactor

/// The terminal's other screen (xterm's control sequences), which leaves what was on the first as it was.
struct TerminalScreen: ~Copyable {
  private static let taking = "\u{1B}[?1049h"
  /// No cursor, no wrapping at the right edge; cleared.
  private static let preparing = "\u{1B}[?25l\u{1B}[?7l\u{1B}[H\u{1B}[2J"
  private static let returning = "\u{1B}[0m\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

  private var keys: KeyMode
  private let output: Descriptor
  /// What each line shows.
  private var shown: [String] = []
  private var isTaken = false

  init() throws(SystemError) {
    let output = try Descriptor.standardOutput()
    self.init(try KeyMode(0), output)
  }

  private init(_ keys: consuming KeyMode, _ output: consuming Descriptor) {
    self.keys = keys
    self.output = output
  }

  /// Takes the terminal, or makes of it again what it should be after somebody else has used it.
  mutating func enter() {
    keys.enter()
    forget()
    // The sequence saves where the cursor was: once.
    _ = write((isTaken ? "" : Self.taking) + Self.preparing)
    isTaken = true
  }

  mutating func leave() {
    if isTaken { _ = write(Self.returning) }
    isTaken = false
    keys.leave()
  }

  /// What is on the screen is not known any more, or has another size: all of it is drawn next time.
  mutating func forget() { shown = [] }

  /// Draws the lines that are not there already.
  /// - Parameter lines: each as wide as the window.
  /// - Returns: false when the terminal is gone.
  mutating func show(_ lines: [String]) -> Bool {
    var text = shown.isEmpty ? "\u{1B}[2J" : ""
    for (index, line) in lines.enumerated() where !shown.indices.contains(index) || shown[index] != line {
      text += "\u{1B}[\(index + 1);1H\(line)"
    }
    shown = lines
    return text.isEmpty || write(text)
  }

  private func write(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      do throws(SystemError) {
        try output.writeAll(UnsafeRawBufferPointer(bytes))
        return true
      } catch {
        return false
      }
    }
  }
}
