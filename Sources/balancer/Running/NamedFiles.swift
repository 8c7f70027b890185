import Authentication
import Base
import Configuration
import HTTPProxy
import Reactor
import TCPProxy
import TLS

/// The files that a configuration names beside those of TLS, read with it: no request waits for a disk.
struct NamedFiles: Sendable {
  /// Answers to errors, by the name of the listener.
  let pages: [String: ErrorPages]
  /// Who may come, by the path of the file.
  private let users: [String: UserFile]
  /// Of the admin server, from the file or from its own; nil asks for none.
  let adminToken: [UInt8]?
  /// What cookies are signed with, by the path of the file.
  private let keys: [String: MessageKey]
  /// What they were.
  let record: FileRecord
  /// What they do not hold against anybody, each with its place in the configuration.
  let warnings: [String]

  /// Of this process: its thread starts with the first route that asks who comes.
  private static let verifier = Result { () throws(SystemError) in try PasswordVerifier() }

  /// - Throws: every problem, with its place in the configuration.
  init(_ configuration: Configuration) throws(ConfigurationErrors) {
    let disk = RecordingDisk()
    let places = configuration.places
    var errors: [ConfigurationError] = []
    var warnings: [String] = []
    var pages: [String: ErrorPages] = [:]
    for listener in configuration.listeners where !listener.http.errorPages.isEmpty {
      let files = Dictionary(uniqueKeysWithValues: listener.http.errorPages.map { (Self.key($0), $0.file) })
      do throws(ErrorPages.Problems) {
        pages[listener.name] = try ErrorPages(files: files) { path, limit throws(ErrorPages.Unreadable) in
          do throws(Refused) { return try Self.bytes(of: path, on: disk, limit: limit) } catch {
            throw ErrorPages.Unreadable(error.messages.joined())
          }
        }
      } catch {
        errors += error.all.map {
          places.error(at: "listeners.\(listener.name).http.errorPages.\($0.key)", $0.message)
        }
      }
    }
    var users: [String: UserFile] = [:]
    for listener in configuration.listeners {
      for (index, route) in listener.routes.enumerated() {
        guard let file = route.basicFile, users[file] == nil else { continue }
        do throws(Refused) {
          users[file] = try Self.users(of: file, on: disk)
        } catch {
          let path = "listeners.\(listener.name).routes[\(index)].auth.basicFile"
          errors += error.messages.map { places.error(at: path, $0) }
        }
      }
    }
    var keys: [String: MessageKey] = [:]
    for pool in configuration.pools {
      let path = "pools.\(pool.name).sticky.keyFile"
      for file in pool.sticky?.keyFiles ?? [] where keys[file] == nil {
        do throws(Refused) {
          let (key, exposure) = try Self.cookieKey(of: file, on: disk)
          keys[file] = key
          if let exposure {
            warnings.append(
              "\(places.description(of: path)): \(file): holds a key that \(exposure) may read: "
                + "chmod 600 keeps it to its owner")
          }
        } catch {
          errors += error.messages.map { places.error(at: path, $0) }
        }
      }
    }
    var token = configuration.admin?.token.map { Array($0.utf8) }
    if let file = configuration.admin?.tokenFile {
      do throws(Refused) {
        let (own, exposure) = try Self.token(of: file, on: disk)
        token = own
        if let exposure {
          warnings.append(
            "\(places.description(of: "admin.tokenFile")): \(file): holds a token that \(exposure) may read: "
              + "chmod 600 keeps it to its owner")
        }
      } catch {
        errors += error.messages.map { places.error(at: "admin.tokenFile", $0) }
      }
    }
    guard errors.isEmpty else { throw ConfigurationErrors(errors) }
    adminToken = token
    self.pages = pages
    self.users = users
    self.keys = keys
    self.warnings = warnings
    record = disk.record
  }

  /// Whether every file holds what it held.
  func isSame(as other: NamedFiles) -> Bool { record.hasSameContent(as: other.record) }

  /// The keys of a pool's cookies: the first signs. Empty where it names none.
  func cookieKeys(_ sticky: StickyConfiguration) -> [MessageKey] { sticky.keyFiles.compactMap { keys[$0] } }

  /// The gate of a route.
  /// - Throws: when passwords cannot be verified: no thread, or no memory.
  func gate(_ file: String?, realm: String) throws(SystemError) -> Gate? {
    guard let file, let users = users[file] else { return nil }
    return Gate(users, realm: realm, verifier: try Self.verifier.get())
  }

  struct Refused: Error { let messages: [String] }

  /// The token of the admin server, the first line of a file.
  static func token(of path: String) throws(Refused) -> [UInt8] {
    try token(of: path, on: RecordingDisk()).token
  }

  private static func token(
    of path: String, on disk: RecordingDisk
  ) throws(Refused) -> (token: [UInt8], exposure: String?) {
    let file = try read(path, on: disk)
    let token = file.withBytes { bytes in
      Array(bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
    }
    guard (1...1024).contains(token.count), token.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw Refused(messages: ["\(path): a token of 1 to 1024 visible ASCII characters expected in its first line"])
    }
    return (token, file.exposure)
  }

  private static func read(_ path: String, on disk: RecordingDisk) throws(Refused) -> TLSFile {
    do throws(TLSFiles.Unreadable) { return try disk.read(path) } catch {
      throw Refused(messages: ["\(path): cannot be read: \(error)"])
    }
  }

  /// nil when there are more of them than `limit`.
  private static func bytes(of path: String, on disk: RecordingDisk, limit: Int) throws(Refused) -> [UInt8]? {
    try read(path, on: disk).withBytes { $0.count > limit ? nil : Array($0) }
  }

  private static func users(of path: String, on disk: RecordingDisk) throws(Refused) -> UserFile {
    guard let bytes = try bytes(of: path, on: disk, limit: UserFile.largest) else {
      throw Refused(messages: ["\(path): is larger than 4 MiB"])
    }
    do throws(UserFile.Problems) { return try UserFile(parsing: bytes) } catch {
      throw Refused(messages: error.all.map { "\(path): \($0)" })
    }
  }

  /// A key for cookies, and who else may read it. A newline at the end, as tools write it, is no part of the secret.
  private static func cookieKey(
    of path: String, on disk: RecordingDisk
  ) throws(Refused) -> (MessageKey, exposure: String?) {
    let file = try read(path, on: disk)
    let key = file.withBytes { bytes in
      var secret = bytes[...]
      while let last = secret.last, last == 0x0A || last == 0x0D { secret = secret.dropLast() }
      return MessageKey.derived(from: UnsafeRawBufferPointer(rebasing: secret), purpose: "sticky cookie")
    }
    guard let key else {
      throw Refused(messages: [
        "\(path): must hold \(MessageKey.size) bytes or more that are hard to guess: openssl rand -hex 32 makes them"
      ])
    }
    return (key, file.exposure)
  }

  private static func key(_ page: HTTPConfiguration.ErrorPage) -> String {
    let first = page.statuses.lowerBound
    return page.statuses.count == 1 ? "\(first)" : "\(first / 100)xx"
  }
}
