import ArgumentParser
import Glibc

/// How the program ends (sysexits.h).
enum ExitStatus {
  /// EX_USAGE: the command line is wrong, or names something that is not there.
  static let usage: Int32 = 64
  /// EX_UNAVAILABLE: something that it needs cannot be had, such as an address to listen on.
  static let unavailable: Int32 = 69
  /// EX_OSERR: the system refused something that should always work.
  static let system: Int32 = 71
  /// EX_TEMPFAIL: what was waited for has not come yet.
  static let notYet: Int32 = 75
  /// EX_PROTOCOL: what answers does not speak as balancer does.
  static let protocolError: Int32 = 76
  /// EX_NOPERM: a token, or the right to a socket, is missing.
  static let notPermitted: Int32 = 77
  /// EX_CONFIG: the configuration file is wrong.
  static let configuration: Int32 = 78
  /// A second signal cut the drain short.
  static let interrupted: Int32 = 1
}

/// Prints to standard error and ends with `status`.
func fail(_ status: Int32, _ message: String) -> ExitCode {
  complain(message)
  return ExitCode(status)
}

/// Prints to standard error.
func complain(_ message: String) {
  var text = message + "\n"
  text.withUTF8 { bytes in _ = write(2, bytes.baseAddress, bytes.count) }
}
