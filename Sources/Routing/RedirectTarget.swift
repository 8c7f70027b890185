/// Where a redirect leads: `https://www.example.com{path}{query}`, cut into its pieces once.
///
/// The text is used as it is but for its placeholders: `{host}` is the request's host without its port, `{path}` its path
/// in normal form, `{query}` its query with the question mark, or nothing.
public struct RedirectTarget: Sendable {
  private enum Piece: Sendable {
    case literal([UInt8])
    case host, path, query
  }

  private let pieces: [Piece]
  /// It cannot be made of a request that names no host (HTTP/1.0).
  public let needsHost: Bool

  public init(_ text: String) {
    var pieces: [Piece] = []
    var rest = Substring(text)
    while let opening = rest.firstIndex(of: "{"), let closing = rest[opening...].firstIndex(of: "}") {
      let placeholder: Piece? =
        switch rest[opening...closing] {
        case "{host}": .host
        case "{path}": .path
        case "{query}": .query
        default: nil
        }
      let end = rest.index(after: closing)
      let literal = placeholder == nil ? rest[..<end] : rest[..<opening]
      if !literal.isEmpty { pieces.append(.literal(Array(literal.utf8))) }
      if let placeholder { pieces.append(placeholder) }
      rest = rest[end...]
    }
    if !rest.isEmpty { pieces.append(.literal(Array(rest.utf8))) }
    self.pieces = pieces
    needsHost = pieces.contains { if case .host = $0 { true } else { false } }
  }

  /// Same host, same path, same query, with TLS: what `redirectHTTPS` answers.
  public static let https = RedirectTarget("https://{host}{path}{query}")

  /// Writes the value of a Location field.
  /// - Returns: false when it needs a host and there is none.
  public func write(_ request: RoutedRequest, into output: inout [UInt8]) -> Bool {
    output.removeAll(keepingCapacity: true)
    if needsHost, request.host.isEmpty { return false }
    for piece in pieces {
      switch piece {
      case .literal(let bytes): output += bytes
      case .host: for byte in request.host { output.append(RouteHash.lowercased(byte)) }
      case .path: output += request.path
      case .query:
        if request.query.isEmpty { break }
        output.append(UInt8(ascii: "?"))
        output += request.query
      }
    }
    return true
  }
}
