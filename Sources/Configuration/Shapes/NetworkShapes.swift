import Base

extension Shape where Value == CIDR {
  /// A block of addresses, or a lone one.
  static var cidr: Shape {
    .scalar(
      "a block of addresses such as \"10.0.0.0/8\"", ["type": "string", "pattern": .string(AddressPattern.cidr)],
      definition: "cidr",
      read: { scalar, _ throws(Mistake) in
        try scalar.parsed { text throws(CIDR.Malformed) in try CIDR(parsing: text) }
      },
      write: { .string($0.description) })
  }
}

extension Shape where Value == [CIDR] {
  static var cidrs: Shape { .array("block of addresses", of: .cidr) }
  static var cidrsOrNone: Shape { .array("block of addresses", of: .cidr, mayBeEmpty: true) }
}

extension Shape where Value == Rate {
  static var rate: Shape {
    .scalar(
      "a rate such as \"100/s\"", ["type": "string", "pattern": "^0*([1-9][0-9]{0,8}|1000000000)/[smh]$"],
      definition: "rate",
      read: { scalar, _ throws(Mistake) in
        if let number = scalar.number, number.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
          throw .sentence("a rate needs a unit: write \"\(number)/s\"")
        }
        return try scalar.parsed { text throws(Rate.Malformed) in try Rate(parsing: text) }
      },
      write: { .string($0.description) })
  }
}

extension Shape where Value == SNIPattern {
  static var sniPattern: Shape {
    .scalar(
      "a server name such as \"www.example.com\" or \"*.example.com\"",
      ["type": "string", "pattern": .string(AddressPattern.sni)], definition: "serverName",
      read: { scalar, _ throws(Mistake) in
        try scalar.parsed { text throws(SNIPattern.Malformed) in try SNIPattern(parsing: text) }
      },
      write: { .string($0.description) })
  }
}

extension Shape where Value == PoolConfiguration.Source {
  /// An address of this machine, or `"client"`.
  static var source: Shape {
    .scalar(
      "an IP address or \"client\"", ["type": "string", "pattern": .string(AddressPattern.source)],
      definition: "source",
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        if text == "client" { return .client }
        if let address = IPAddress(text) { return .address(address) }
        if Suggestions.nearest(to: text, among: ["client"]) != nil { throw .unexpected(hint: didYouMean("client")) }
        if case .ip(let address, _) = try? Endpoint(parsing: text) {
          throw .described("has a port, which the kernel chooses: write \"\(address)\"")
        }
        throw .unexpected()
      },
      write: { source in
        switch source {
        case .client: "client"
        case .address(let address): .string(address.description)
        }
      })
  }
}
