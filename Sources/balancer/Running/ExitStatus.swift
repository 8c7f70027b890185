import ArgumentParser
import Glibc

/// How the program ends (sysexits.h).
enum ExitStatus {
  /// EX_UNAVAILABLE: something that it needs cannot be had, such as an address to listen on.
  static let unavailable: Int32 = 69
  /// EX_OSERR: the system refused something that should always work.
  static let system: Int32 = 71
  /// EX_CONFIG: the configuration file is wrong.
  static let configuration: Int32 = 78
  /// A second signal cut the drain short.
  static let interrupted: Int32 = 1
}

/// Prints to standard error and ends with `status`.
func fail(_ status: Int32, _ message: String) -> ExitCode {
  var text = message + "\n"
  text.withUTF8 { bytes in _ = write(2, bytes.baseAddress, bytes.count) }
  return ExitCode(status)
}
