import Configuration
import Foundation
import Routing

/// Reads a text as if it were /etc/balancer/balancer.json.
func read(_ text: String, environment: [String: String] = [:]) throws(ConfigurationErrors) -> Configuration {
  try read(Array(text.utf8), environment: environment)
}

func read(_ bytes: [UInt8], environment: [String: String] = [:]) throws(ConfigurationErrors) -> Configuration {
  try Configuration.read(
    bytes, file: "balancer.json", folder: "/etc/balancer", environment: { environment[$0] }, judges: judges)
}

/// Those that the program asks.
let judges = Judges(
  expression: { text in
    do throws(RegularExpression.Malformed) {
      return .valid(groups: try RegularExpression(text).groups)
    } catch {
      return .malformed(error.description)
    }
  },
  path: { text in
    do throws(RoutePath.Malformed) {
      _ = try RoutePath.normalized(text)
      return nil
    } catch {
      return error.description
    }
  })

/// The errors of a text, as they are printed.
func errors(_ text: String, environment: [String: String] = [:]) -> [String] {
  errors(Array(text.utf8), environment: environment)
}

func errors(_ bytes: [UInt8], environment: [String: String] = [:]) -> [String] {
  do {
    _ = try read(bytes, environment: environment)
    return []
  } catch {
    return error.errors.map(\.description)
  }
}

/// A file of the folder Examples.
struct Example: CustomStringConvertible, Sendable {
  let name: String
  let bytes: [UInt8]

  var text: String { String(decoding: bytes, as: UTF8.self) }
  var description: String { name }

  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static let good = all(in: "good")
  static let bad = all(in: "bad")

  private static func all(in folder: String) -> [Example] {
    let folder = root.appending(path: "Tests/ConfigurationTests/Examples/\(folder)")
    let files = try! FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    return files.sorted { $0.path < $1.path }.map { file in
      Example(name: file.deletingPathExtension().lastPathComponent, bytes: Array(try! Data(contentsOf: file)))
    }
  }
}
