import Base

/// What is known while one file is read: where in the document the reader stands, what was wrong, and what can only
/// be judged at the end (names that others define, addresses that others use).
final class Reading {
  enum Limits {
    /// What all texts together may gain from the environment.
    static let expandedBytes = 16 << 20
  }

  /// A mention of something, to be looked at when the whole file has been read.
  struct Mention<Value> {
    let value: Value
    let location: Location
    let path: String
  }

  let file: String
  let folder: String
  let environment: (String) -> String?
  let judges: Judges

  private(set) var errors: [ConfigurationError] = []
  private(set) var places: [String: Location] = [:]
  private var steps: [Step] = []
  private var arrays = 0
  private var expandedBytes = 0

  var poolReferences: [Mention<String>] = []
  var listenAddresses: [Mention<Endpoint>] = []

  init(
    file: String, folder: String, environment: @escaping (String) -> String?,
    judges: Judges
  ) {
    self.file = file
    self.folder = folder
    self.environment = environment
    self.judges = judges
  }

  // MARK: The path

  private enum Step {
    case key(String)
    case index(Int)
  }

  /// Such as `pools.web.backends[2].weight`.
  var path: String {
    var text = ""
    for step in steps {
      switch step {
      case .key(let key):
        if !text.isEmpty { text += "." }
        text += Name.isValid(key) ? key : key.quoted
      case .index(let index): text += "[\(index)]"
      }
    }
    return text
  }

  /// Reads a member. Its place is kept for warnings, unless it is one of an array's many.
  func inside<Value>(_ member: JSONValue.Member, _ body: () -> Value) -> Value {
    steps.append(.key(member.key))
    if arrays == 0 { places[path] = member.location }
    let value = body()
    steps.removeLast()
    return value
  }

  /// Reads an element of an array.
  func inside<Value>(_ index: Int, _ body: () -> Value) -> Value {
    steps.append(.index(index))
    arrays += 1
    let value = body()
    arrays -= 1
    steps.removeLast()
    return value
  }

  /// Keeps the place of the value that is being read.
  func place(_ json: JSONValue) { places[path] = json.location }

  // MARK: Errors

  /// Nothing further will be told.
  var isFull: Bool { errors.count >= ConfigurationErrors.limit }

  func fail(at location: Location, _ message: String) {
    if isFull { return }
    fail(at: location, path: path, message)
  }

  func fail(at location: Location, path: String, _ message: String) {
    if isFull { return }
    errors.append(ConfigurationError(file: file, location: location, path: path, message: message))
  }

  // MARK: Paths and the environment

  /// A path as seen from the folder of the file.
  func resolve(_ path: String) -> String {
    if path.utf8.first == UInt8(ascii: "/") { return path }
    return folder.utf8.last == UInt8(ascii: "/") ? folder + path : "\(folder)/\(path)"
  }

  /// Fills `${NAME}` in; nil after an error.
  func expand(_ text: String, at location: Location) -> String? {
    do {
      let expanded = try Template.expand(text, environment)
      expandedBytes += expanded.utf8.count
      guard expandedBytes <= Limits.expandedBytes else {
        fail(at: location, "the environment fills in more than 16MiB")
        return nil
      }
      return expanded
    } catch {
      fail(at: location, error.description)
      return nil
    }
  }
}
