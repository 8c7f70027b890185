import Authentication
import Configuration
import HTTPProxy
import Reactor
import TCPProxy

/// The files that listeners name, read with the configuration: no request waits for a disk.
struct ListenerFiles {
  /// Answers to errors, by the name of the listener.
  let pages: [String: ErrorPages]
  /// Who may come, by the path of the file.
  private let users: [String: UserFile]
  /// Of the admin server, from the file or from its own; nil asks for none.
  let adminToken: [UInt8]?
  /// What is hardly meant, each with its place in the configuration.
  let warnings: [String]
  /// What the files of users hold, to see whether one has changed.
  private let contents: [String: [UInt8]]

  /// Of this process: its thread starts with the first route that asks who comes.
  private static let verifier = Result { () throws(SystemError) in try PasswordVerifier() }

  /// - Throws: every problem, with its place in the configuration.
  init(_ configuration: Configuration) throws(ConfigurationErrors) {
    var pages: [String: ErrorPages] = [:]
    var errors: [ConfigurationError] = []
    for listener in configuration.listeners where !listener.http.errorPages.isEmpty {
      let files = Dictionary(uniqueKeysWithValues: listener.http.errorPages.map { (Self.key($0), $0.file) })
      do throws(ErrorPages.Problems) {
        pages[listener.name] = try ErrorPages(files: files, read: Self.read)
      } catch {
        for problem in error.all {
          let path = "listeners.\(listener.name).http.errorPages.\(problem.key)"
          errors.append(
            ConfigurationError(
              file: configuration.places.file, location: configuration.places.location(of: path), path: path,
              message: problem.message))
        }
      }
    }
    var users: [String: UserFile] = [:]
    var contents: [String: [UInt8]] = [:]
    for listener in configuration.listeners {
      for (index, route) in listener.routes.enumerated() {
        guard let file = route.basicFile, users[file] == nil else { continue }
        do throws(Refused) {
          let bytes = try Self.bytes(of: file)
          users[file] = try Self.users(in: bytes, of: file)
          contents[file] = bytes
        } catch {
          let path = "listeners.\(listener.name).routes[\(index)].auth.basicFile"
          errors += error.messages.map {
            ConfigurationError(
              file: configuration.places.file, location: configuration.places.location(of: path), path: path,
              message: $0)
          }
        }
      }
    }
    var token = configuration.admin?.token.map { Array($0.utf8) }
    if let file = configuration.admin?.tokenFile {
      do throws(Refused) { token = try Self.token(of: file) } catch {
        errors += error.messages.map { configuration.places.error(at: "admin.tokenFile", $0) }
      }
    }
    guard errors.isEmpty else { throw ConfigurationErrors(errors) }
    adminToken = token
    warnings = Self.warnings(configuration)
    self.pages = pages
    self.users = users
    self.contents = contents
  }

  /// Whether every file holds what it held.
  func isSame(as other: ListenerFiles) -> Bool {
    pages == other.pages && contents == other.contents && adminToken == other.adminToken
  }

  /// The gate of a route.
  /// - Throws: when passwords cannot be verified: no thread, or no memory.
  func gate(_ file: String?, realm: String) throws(SystemError) -> Gate? {
    guard let file, let users = users[file] else { return nil }
    return Gate(users, realm: realm, verifier: try Self.verifier.get())
  }

  private static func warnings(_ configuration: Configuration) -> [String] {
    guard let file = configuration.admin?.tokenFile else { return [] }
    do throws(SystemError) {
      guard try FileStatus.of(file).othersMayRead else { return [] }
    } catch {
      return []
    }
    let place = configuration.places.description(of: "admin.tokenFile")
    return ["\(place): \(file) may be read by every user of this machine: chmod o= \(file)"]
  }

  private struct Refused: Error { let messages: [String] }

  private static func bytes(of path: String) throws(Refused) -> [UInt8] {
    do throws(SystemError) {
      if let bytes = try Descriptor.contents(of: path, limit: UserFile.largest) { return bytes }
    } catch {
      throw Refused(messages: ["\(path): cannot be read: \(error)"])
    }
    throw Refused(messages: ["\(path): is larger than 4 MiB"])
  }

  /// The first line of a file.
  private static func token(of path: String) throws(Refused) -> [UInt8] {
    let token = Array(try bytes(of: path).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
    guard (1...1024).contains(token.count), token.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw Refused(messages: ["\(path): a token of 1 to 1024 visible ASCII characters expected in its first line"])
    }
    return token
  }

  private static func users(in bytes: [UInt8], of path: String) throws(Refused) -> UserFile {
    do throws(UserFile.Problems) { return try UserFile(parsing: bytes) } catch {
      throw Refused(messages: error.all.map { "\(path): \($0)" })
    }
  }

  private static func key(_ page: HTTPConfiguration.ErrorPage) -> String {
    let first = page.statuses.lowerBound
    return page.statuses.count == 1 ? "\(first)" : "\(first / 100)xx"
  }

  private static func read(_ path: String, _ limit: Int) throws(ErrorPages.Unreadable) -> [UInt8]? {
    do throws(SystemError) { return try Descriptor.contents(of: path, limit: limit) } catch {
      throw ErrorPages.Unreadable("\(error)")
    }
  }
}
