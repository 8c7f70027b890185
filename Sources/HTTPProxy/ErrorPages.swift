/// The answers to all errors: the program's own, or the operator's files.
public struct ErrorPages: Sendable, Equatable {
  /// The largest file, and all of them together.
  public static let largestFile = 1 << 20
  public static let largestTotal = 16 << 20

  /// What is wrong with one of the operator's pages.
  public struct Problem: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Reason: Equatable, Sendable {
      case unknownStatus
      case unknownExtension
      case tooLarge
      case tooMuch
      case unreadable(String)
    }

    /// As it was written: `404`, `5xx`.
    public let key: String
    public let path: String
    public let reason: Reason

    public var description: String { "errorPages.\(key): \(message)" }

    /// What is wrong, without where it is said.
    public var message: String {
      switch reason {
      case .unknownStatus:
        let known = ErrorStatus.allCases.map { "\($0.rawValue)" }.joined(separator: ", ")
        return "a status that is answered here (\(known)) or a class (4xx, 5xx) expected"
      case .unknownExtension:
        return "\(path): the name must end in .html, .htm, .json or .txt, which gives the Content-Type"
      case .tooLarge: return "\(path): is larger than 1 MiB"
      case .tooMuch: return "\(path): all pages together are larger than 16 MiB"
      case .unreadable(let why): return "\(path): cannot be read: \(why)"
      }
    }
  }

  public struct Problems: Error, Sendable, CustomStringConvertible {
    public let all: [Problem]
    public var description: String { all.map(\.description).joined(separator: "\n") }
  }

  /// Why a file cannot be read; nil bytes stand for more than the limit.
  public struct Unreadable: Error {
    public let description: String
    public init(_ description: String) { self.description = description }
  }

  /// In the order of `ErrorStatus.allCases`.
  private let pages: [ErrorPage]

  /// Whether both answer everything alike.
  public static func == (left: ErrorPages, right: ErrorPages) -> Bool {
    zip(left.pages, right.pages).allSatisfy { left, right in
      left === right || left.body == right.body && left.contentType.description == right.contentType.description
    }
  }

  /// The program's own.
  public static let standard = ErrorPages(pages: ErrorStatus.allCases.map(Self.page))

  private init(pages: [ErrorPage]) { self.pages = pages }

  /// - Parameters:
  ///   - files: status or class such as `5xx` → path. A status wins over its class.
  ///   - read: all bytes of a file, or nil when it holds more than `limit`.
  /// - Throws: every problem, in one go.
  public init(
    files: [String: String], read: (_ path: String, _ limit: Int) throws(Unreadable) -> [UInt8]?
  ) throws(Problems) {
    var problems: [Problem] = []
    var own: [Int: (StaticString, [UInt8])] = [:]
    var total = 0
    for (key, path) in files.sorted(by: { $0.key < $1.key }) {
      func fail(_ reason: Problem.Reason) { problems.append(Problem(key: key, path: path, reason: reason)) }
      let number: Int
      switch key {
      case "4xx": number = 4
      case "5xx": number = 5
      default:
        guard key.utf8.count == 3, let status = Int(key).flatMap(ErrorStatus.init) else {
          fail(.unknownStatus)
          continue
        }
        number = status.rawValue
      }
      guard let type = Self.contentType(path) else {
        fail(.unknownExtension)
        continue
      }
      do throws(Unreadable) {
        guard let bytes = try read(path, Self.largestFile), bytes.count <= Self.largestFile else {
          fail(.tooLarge)
          continue
        }
        total += bytes.count
        if total > Self.largestTotal { fail(.tooMuch) } else { own[number] = (type, bytes) }
      } catch {
        fail(.unreadable(error.description))
      }
    }
    guard problems.isEmpty else { throw Problems(all: problems) }
    pages = ErrorStatus.allCases.map { status in
      guard let (type, bytes) = own[status.rawValue] ?? own[status.rawValue / 100] else { return Self.page(status) }
      return ErrorPage(status, contentType: type, body: bytes)
    }
  }

  public subscript(_ status: ErrorStatus) -> ErrorPage { pages[Self.index(status)] }

  /// Where a status stands among all: a constant table, as a search would cost more.
  private static func index(_ status: ErrorStatus) -> Int {
    switch status {
    case .badRequest: 0
    case .unauthorized: 1
    case .forbidden: 2
    case .notFound: 3
    case .methodNotAllowed: 4
    case .requestTimeout: 5
    case .contentTooLarge: 6
    case .uriTooLong: 7
    case .expectationFailed: 8
    case .misdirectedRequest: 9
    case .tooManyRequests: 10
    case .requestHeaderFieldsTooLarge: 11
    case .internalServerError: 12
    case .notImplemented: 13
    case .badGateway: 14
    case .serviceUnavailable: 15
    case .gatewayTimeout: 16
    case .httpVersionNotSupported: 17
    case .loopDetected: 18
    }
  }

  private static func contentType(_ path: String) -> StaticString? {
    guard let dot = path.lastIndex(of: ".") else { return nil }
    switch path[path.index(after: dot)...].lowercased() {
    case "html", "htm": return "text/html; charset=utf-8"
    case "json": return "application/json"
    case "txt": return "text/plain; charset=utf-8"
    default: return nil
    }
  }

  /// A page that needs nothing else: no image, no style sheet, no script, and neither a name nor a version of a program.
  private static func page(_ status: ErrorStatus) -> ErrorPage {
    let title = "\(status.rawValue) \(status.reason)"
    let body = """
      <!DOCTYPE html>
      <html lang="en">
      <head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>\(title)</title></head>
      <body><h1>\(title)</h1><p>\(status.advice)</p></body>
      </html>

      """
    return ErrorPage(status, contentType: "text/html; charset=utf-8", body: Array(body.utf8))
  }
}
