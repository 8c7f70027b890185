/// One mistake in balancer.json, with its place.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file as the operator named it.
  public let file: String
  /// Line and column in characters, from 1.
  public let location: Location
  /// Where in the document, such as `pools.web.backends[2].weight`; empty for the document itself.
  public let path: String
  public let message: String

  public init(file: String, location: Location, path: String, message: String) {
    self.file = file
    self.location = location
    self.path = path
    self.message = message
  }

  /// `balancer.json:14:17: pools.web.backends[2].weight: 0…256 expected, found 700`
  public var description: String {
    "\(file):\(location.line):\(location.column): " + (path.isEmpty ? message : "\(path): \(message)")
  }
}

/// Every mistake of a file in one go, in the order of the file; never empty.
public struct ConfigurationErrors: Error, Sendable, CustomStringConvertible {
  /// How many mistakes are told; a file with more is no configuration.
  public static let limit = 1000

  public let errors: [ConfigurationError]

  public init(_ errors: [ConfigurationError]) { self.errors = errors }

  /// One a line.
  public var description: String { errors.map(\.description).joined(separator: "\n") }
}
