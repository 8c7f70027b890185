/// Ports in a row on one host, as a listener has them: `127.0.0.1:8000-8010`.
extension Endpoint {
  /// The most ports that one text may stand for: each is a socket in each worker.
  public static let longestRange = 1024

  /// Reads one address, or a range of ports as the addresses that it stands for, in ascending order.
  public static func parsing(range text: String) throws(Malformed) -> [Endpoint] {
    guard !text.hasPrefix("unix:"), let colon = text.lastIndex(of: ":") else { return [try Endpoint(parsing: text)] }
    let ports = text[text.index(after: colon)...].split(separator: "-", omittingEmptySubsequences: false)
    guard ports.count == 2, ports.allSatisfy({ !$0.isEmpty }) else { return [try Endpoint(parsing: text)] }
    let first = try Endpoint(parsing: "\(text[...colon])\(ports[0])")
    let last = try Endpoint(parsing: "\(text[...colon])\(ports[1])")
    guard let low = first.port, let high = last.port, low < high else {
      throw Malformed("is no range of ports: the second one has to be above the first")
    }
    guard Int(high) - Int(low) < longestRange else {
      throw Malformed("is a range of \(Int(high) - Int(low) + 1) ports: at most \(longestRange) expected")
    }
    return (low...high).map { first.with(port: $0) }
  }

  /// As balancer.json would say it: ports in a row on one host as a range.
  public static func written(_ endpoints: [Endpoint]) -> [String] {
    var texts: [String] = []
    var index = 0
    while index < endpoints.count {
      let start = endpoints[index]
      var length = 1
      if let port = start.port {
        while length < longestRange, index + length < endpoints.count, Int(port) + length <= Int(UInt16.max),
          endpoints[index + length] == start.with(port: port + UInt16(length))
        {
          length += 1
        }
      }
      // Two are as short apart as together.
      if length > 2, let last = endpoints[index + length - 1].port {
        texts.append("\(start)-\(last)")
      } else {
        texts += endpoints[index..<index + length].map(\.description)
      }
      index += length
    }
    return texts
  }

  /// Nil for a unix socket.
  public var port: UInt16? {
    switch self {
    case .ip(_, let port), .name(_, let port), .any(let port): port
    case .unix: nil
    }
  }

  private func with(port: UInt16) -> Endpoint {
    switch self {
    case .ip(let address, _): .ip(address, port: port)
    case .name(let host, _): .name(host, port: port)
    case .any: .any(port: port)
    case .unix: self
    }
  }
}
