import Configuration
import Glibc
import Reactor

/// balancer.json on disk.
struct ConfigurationFile {
  /// As given on the command line; errors name it so.
  let path: String

  /// Files of a larger size are refused.
  private static let largest = 16 << 20

  /// Reads and checks it.
  /// - Throws: `ConfigurationErrors`, or `Unreadable`.
  func load() throws -> Configuration {
    let bytes: [UInt8]?
    do throws(SystemError) { bytes = try Descriptor.contents(of: path, limit: Self.largest) } catch {
      throw Unreadable(description: "\(path): cannot be read: \(error)")
    }
    guard let bytes else { throw Unreadable(description: "\(path): is larger than 16 MiB") }
    return try read(bytes)
  }

  /// Reads and checks what it could hold.
  func read(_ bytes: [UInt8]) throws(ConfigurationErrors) -> Configuration {
    try Configuration.read(
      bytes, file: path, folder: folder, environment: { name in getenv(name).map { String(cString: $0) } },
      judges: .ofRouting)
  }

  struct Unreadable: Error, CustomStringConvertible {
    let description: String
  }

  /// Its folder, absolute: relative paths in it start there.
  var folder: String {
    let absolute = path.hasPrefix("/") ? path : "\(Self.workingFolder)/\(path)"
    guard let slash = absolute.lastIndex(of: "/"), slash > absolute.startIndex else { return "/" }
    return String(absolute[..<slash])
  }

  private static var workingFolder: String {
    guard let buffer = getcwd(nil, 0) else { return "/" }
    defer { free(buffer) }
    return String(cString: buffer)
  }
}
