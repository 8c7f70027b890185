import Base

extension Shape where Value == Endpoint {
  /// Where a listener waits.
  static var listenAddress: Shape {
    .address(example: "\":8080\"", pattern: AddressPattern.listen, definition: "listenAddress") { _ throws(Mistake) in }
      .noting { endpoint, json, reading in
        reading.listenAddresses.append(Reading.Mention(value: endpoint, location: json.location, path: reading.path))
      }
  }

  /// Where a backend is.
  static var backendAddress: Shape {
    .address(example: "\"127.0.0.1:8080\"", pattern: AddressPattern.backend, definition: "backendAddress") {
      endpoint throws(Mistake) in
      if case .any(let port) = endpoint {
        throw .described("has no host: write the backend's, for example \"127.0.0.1:\(port)\"")
      }
    }
  }

  private static func address(
    example: String, pattern: String, definition: String,
    check: @escaping @Sendable (Endpoint) throws(Mistake) -> Void
  ) -> Shape {
    .scalar(
      "an address such as \(example)", ["type": "string", "pattern": .string(pattern)], definition: definition,
      read: { scalar, reading throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        if text.contains("://") { throw .described("is a URL: write only its host and port, such as \(example)") }
        let endpoint: Endpoint
        do throws(Endpoint.Malformed) {
          endpoint = try Endpoint(parsing: text)
        } catch {
          throw .described(error.description)
        }
        try check(endpoint)
        return try endpoint.resolved(in: reading)
      },
      write: { .string($0.description) })
  }
}

extension Endpoint {
  /// A socket's path, too, starts from the folder of the configuration file.
  fileprivate func resolved(in reading: Reading) throws(Mistake) -> Endpoint {
    guard case .unix(let path) = self else { return self }
    let resolved = reading.resolve(path)
    guard resolved.utf8.count <= Endpoint.longestUnixPath else {
      throw .described(
        "has a path of \(resolved.utf8.count) bytes, \(resolved.quoted); the kernel takes at most "
          + "\(Endpoint.longestUnixPath)")
    }
    return .unix(resolved)
  }
}
