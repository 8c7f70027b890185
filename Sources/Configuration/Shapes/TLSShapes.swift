import Base

extension Shape {
  /// Remembers where the value stands, for what is only found out when the files are read; within arrays as well.
  fileprivate var placed: Shape { noting { _, json, reading in reading.place(json) } }
}

extension Shape where Value == String {
  static var placedFile: Shape { Shape.file.placed }

  /// What a server's certificate is for: a host name or an address, without a port.
  static var serverName: Shape {
    .scalar(
      "a host name or an address", ["type": "string", "pattern": .string(AddressPattern.serverName)],
      definition: "tlsServerName",
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        if IPAddress(text) != nil { return text }
        if let name = Array(text.utf8).withUnsafeBytes({ HostName.lowercased($0) }) { return name }
        if text.hasPrefix("*.") {
          throw .described("is a pattern: write the one name that the certificate must be for")
        }
        if (try? Endpoint(parsing: text)) != nil { throw .described("has a port: write the name alone") }
        throw .unexpected()
      },
      write: { .string($0) })
  }

  /// The bytes of ALPN names are free; those that are registered are of these.
  fileprivate static var alpnName: Shape {
    .scalar(
      "the name of a protocol such as \"h2\"", ["type": "string", "pattern": "^[!-~]{1,255}$"],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, (1...255).contains(text.utf8.count),
          text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .unexpected() }
        return text
      },
      write: { .string($0) })
  }

  /// Whether OpenSSL has such a cipher is found out when the listener is made. Its words for groups of ciphers, and
  /// its commands, are none.
  fileprivate static var cipher: Shape {
    .scalar(
      "the name of a cipher such as \"ECDHE-RSA-AES128-GCM-SHA256\"",
      ["type": "string", "pattern": .string("^\(cipherName)$")],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        return try checkCipher(text)
      },
      write: { .string($0) })
  }

  fileprivate static var cipherName: String { "(?=.{1,64}$)[A-Z0-9]+([_-][A-Z0-9]+)+" }

  fileprivate static func checkCipher(_ text: String) throws(Mistake) -> String {
    let parts = text.split(omittingEmptySubsequences: false) { $0 == "-" || $0 == "_" }
    let isName = parts.allSatisfy { part in
      !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
    }
    if isName, parts.count > 1, text.utf8.count <= 64 { return text }
    if text.contains(where: { "!+@".contains($0) }) || ["ALL", "HIGH", "MEDIUM", "DEFAULT"].contains(text) {
      throw .described("is no single cipher: name each one, \"openssl ciphers\" lists them")
    }
    throw .unexpected()
  }
}

extension Shape where Value == [String] {
  /// One file, or an array of them.
  static var placedFiles: Shape { .oneOrMore("file", of: .placedFile) }

  static var alpn: Shape { .array("protocol", of: .alpnName, mayBeEmpty: true) }

  /// An array of names, or one text with colons between them, as OpenSSL has it.
  static var ciphers: Shape {
    let array = Shape.array("cipher", of: Shape<String>.cipher)
    let text = Shape.scalar(
      "the names of ciphers with colons between them",
      ["type": "string", "pattern": "^[A-Z0-9]+([_-][A-Z0-9]+)+(:[A-Z0-9]+([_-][A-Z0-9]+)+)*$"],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text, !text.isEmpty else { throw .unexpected() }
        var names: [String] = []
        for name in text.split(separator: ":", omittingEmptySubsequences: false) {
          names.append(try Shape<String>.checkCipher(String(name)))
        }
        return names
      },
      write: array.write)
    return Shape(
      expected: "an array of ciphers",
      read: { json, start, reading in
        if case .array = json.kind { return array.read(json, start, reading) }
        return text.read(json, start, reading)
      },
      schema: { _, definitions in .anyOf([text.schema(nil, definitions), array.schema(nil, definitions)]) },
      write: array.write)
  }
}
