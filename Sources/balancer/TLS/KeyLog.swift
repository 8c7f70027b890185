import Reactor
import TLS

/// The file of `--tls-key-log`: the secrets of every TLS session, one a line, as Wireshark and curl's SSLKEYLOGFILE have it.
/// Whoever reads it can read what those sessions carried, so nothing but the command line asks for it.
struct KeyLog: Sendable {
  let path: String
  private let writer: LogWriter

  init(_ path: String) throws(LogFileError) {
    self.path = path
    do throws(LogFileError) { writer = try LogWriter(file: path, isSecret: true) } catch {
      throw LogFileError(path: path, key: "--tls-key-log", error: error.error)
    }
  }

  var add: TLSKeyLog {
    { [writer] line in writer.write(line + "\n") }
  }

  func finish() { writer.finish() }
}
