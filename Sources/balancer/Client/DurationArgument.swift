import ArgumentParser
import Base

/// A duration as the configuration file has it, such as `60s`.
struct DurationArgument: CustomStringConvertible {
  let duration: Duration

  init(_ duration: Duration) { self.duration = duration }

  /// For `transform:` of an option, whose error then says how to write it.
  @Sendable
  static func parse(_ text: String) throws -> DurationArgument {
    do { return DurationArgument(try Duration(parsing: text)) } catch {
      throw ValidationError("it \(error)")
    }
  }

  var description: String { duration.written }
}
