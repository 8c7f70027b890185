import Base

extension Shape where Value == [Endpoint] {
  /// Where a listener waits: one address or range of ports, or an array of them.
  static var listenAddresses: Shape {
    Shape<[[Endpoint]]>.oneOrMore("address", of: .listenAddress).map({ $0.flatMap { $0 } }, { [$0] })
      .writing { .array(Endpoint.written($0).map { .string($0) }) }
  }

  /// One text: an address, or several with a range of ports.
  private static var listenAddress: Shape {
    .scalar(
      "an address such as \":8080\"", ["type": "string", "pattern": .string(AddressPattern.listen)],
      definition: "listenAddress",
      read: { scalar, reading throws(Mistake) in
        try scalar.address(example: "\":8080\"", reading) { text throws(Endpoint.Malformed) in
          try Endpoint.parsing(range: text)
        }
      },
      write: { endpoints in
        let texts = Endpoint.written(endpoints).map { JSONValue.string($0) }
        return texts.count == 1 ? texts[0] : .array(texts)
      }
    ).noting { endpoints, json, reading in
      reading.listenAddresses += endpoints.map {
        Reading.Mention(value: $0, location: json.location, path: reading.path)
      }
    }
  }
}

extension Shape where Value == Endpoint {
  /// Where a backend is.
  static var backendAddress: Shape {
    .scalar(
      "an address such as \"127.0.0.1:8080\"", ["type": "string", "pattern": .string(AddressPattern.backend)],
      definition: "backendAddress",
      read: { scalar, reading throws(Mistake) in
        let endpoint = try scalar.address(example: "\"127.0.0.1:8080\"", reading) { text throws(Endpoint.Malformed) in
          [try Endpoint(parsing: text)]
        }[0]
        if case .any(let port) = endpoint {
          throw .described("has no host: write the backend's, for example \"127.0.0.1:\(port)\"")
        }
        return endpoint
      },
      write: { .string($0.description) })
  }
}

extension Shape where Value == Endpoint {
  /// Where the admin server waits.
  static var adminAddress: Shape {
    .scalar(
      "an address such as \"127.0.0.1:9900\"", ["type": "string", "pattern": .string(AddressPattern.admin)],
      definition: "adminAddress",
      read: { scalar, reading throws(Mistake) in
        try scalar.address(example: "\"127.0.0.1:9900\"", reading) { text throws(Endpoint.Malformed) in
          [try Endpoint(parsing: text)]
        }[0]
      },
      write: { .string($0.description) }
    ).noting { endpoint, json, reading in
      reading.listenAddresses.append(
        Reading.Mention(value: endpoint, location: json.location, path: reading.path))
    }
  }
}

extension Scalar {
  fileprivate func address(
    example: String, _ reading: Reading, parse: (String) throws(Endpoint.Malformed) -> [Endpoint]
  ) throws(Mistake) -> [Endpoint] {
    if let text, text.contains("://") { throw .described("is a URL: write only its host and port, such as \(example)") }
    var endpoints = try parsed(parse)
    if let first = endpoints.first { endpoints[0] = try first.resolved(in: reading) }
    return endpoints
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
