import CLinux
import Glibc

/// What a descriptor says of the terminal behind it.
public enum Terminal {
  public static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// The window's size in characters; nil for what is no terminal, or one that does not know (ioctl_tty(2)).
  public static func size(of descriptor: Int32) -> (columns: Int, rows: Int)? {
    var columns: Int32 = 0
    var rows: Int32 = 0
    guard linux_window_size(descriptor, &columns, &rows) == 0, columns > 0, rows > 0 else { return nil }
    return (Int(columns), Int(rows))
  }
}

/// Keys as they are pressed, without an echo and without waiting for the end of a line (termios(3)). The keys that make
/// signals, such as Ctrl-C, still do.
///
/// The terminal is as it was before when this goes, and in between when `leave` is called.
public struct KeyMode: ~Copyable {
  private let terminal: Int32
  private let former: termios
  private var isOn = false

  /// - Parameter terminal: stays open for as long as this lives.
  public init(_ terminal: Int32) throws(SystemError) {
    var former = termios()
    if tcgetattr(terminal, &former) != 0 { throw .last("tcgetattr") }
    self.terminal = terminal
    self.former = former
    enter()
  }

  deinit { if isOn { set(former) } }

  /// Again after `leave`, or after somebody else has changed the terminal meanwhile.
  public mutating func enter() {
    var keys = former
    keys.c_lflag &= ~tcflag_t(ICANON | ECHO)
    keys.c_iflag &= ~tcflag_t(IXON)
    withUnsafeMutableBytes(of: &keys.c_cc) { characters in
      characters[Int(VMIN)] = 1
      characters[Int(VTIME)] = 0
    }
    set(keys)
    isOn = true
  }

  public mutating func leave() {
    set(former)
    isOn = false
  }

  private func set(_ mode: termios) {
    var mode = mode
    // A terminal that is gone needs nothing any more.
    _ = uninterrupted { tcsetattr(terminal, TCSADRAIN, &mode) }
  }
}
