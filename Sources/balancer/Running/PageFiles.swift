import Configuration
import HTTPProxy
import Reactor

/// The files of `errorPages`, read with the configuration that names them: whoever is answered with one waits for no disk.
struct PageFiles {
  /// By the name of the listener.
  let pages: [String: ErrorPages]

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
    guard errors.isEmpty else { throw ConfigurationErrors(errors) }
    self.pages = pages
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
