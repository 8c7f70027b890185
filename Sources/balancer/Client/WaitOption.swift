import ArgumentParser
import Base

/// A duration as the configuration file has it, such as `60s`.
struct DurationArgument: ExpressibleByArgument {
  let duration: Duration

  init?(argument: String) {
    guard let duration = try? Duration(parsing: argument) else { return nil }
    self.duration = duration
  }

  init(_ duration: Duration) { self.duration = duration }

  var defaultValueDescription: String { duration.written }
}
