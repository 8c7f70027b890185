/// Where things stand in the file, for warnings about values that are right by themselves.
///
/// A place is no part of what the file says: two configurations that differ only in their places are equal.
public struct Places: Equatable, Sendable {
  public var file: String
  package var locations: [String: Location]

  public init() { self.init(file: "balancer.json", locations: [:]) }

  package init(file: String, locations: [String: Location]) {
    self.file = file
    self.locations = locations
  }

  public static func == (left: Places, right: Places) -> Bool { true }

  /// Where a warning stands: `balancer.json:9:5: warning: pools.old`.
  public func description(of path: String) -> String {
    let location = location(of: path)
    return "\(file):\(location.line):\(location.column): warning: \(path)"
  }

  /// A mistake that is only found when what the file names is looked at.
  public func error(at path: String, _ message: String) -> ConfigurationError {
    ConfigurationError(file: file, location: location(of: path), path: path, message: message)
  }

  /// Whether the file itself has this key.
  public func hasPlace(_ path: String) -> Bool { locations[path] != nil }

  /// The place of a key, such as `pools.web.health.timeout`, or of the nearest one around it that is in the file.
  package func location(of path: String) -> Location {
    var path = path[...]
    while true {
      if let location = locations[String(path)] { return location }
      guard let dot = path.lastIndex(of: ".") else { return .start }
      path = path[..<dot]
    }
  }
}
