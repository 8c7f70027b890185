import Foundation

/// The time at the beginning of a log line, in seconds.
func logTime(_ line: String) throws -> Double {
  let formatter = ISO8601DateFormatter()
  formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
  guard let date = formatter.date(from: String(line.prefix(24))) else {
    throw Failure("no time at the beginning of: \(line)")
  }
  return date.timeIntervalSince1970
}
