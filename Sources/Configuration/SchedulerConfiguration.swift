/// How a pool picks a backend for a new session.
public enum SchedulerConfiguration: Equatable, Sendable {
  case roundRobin, leastConnections, random, first, sourceHash
  /// `load` bounds a backend to that multiple of the mean.
  case hash(HashKey, load: Double?)
  case peakEWMA

  /// What the same backend is picked for.
  public enum HashKey: Equatable, Sendable {
    /// The name that a TLS client asks for (SNI).
    case serverName
    /// http: the path and the query.
    case uri
    /// http: the value of a field, or of a cookie.
    case header(String)
    case cookie(String)
  }

  static let words: [(String, Self)] = [
    ("round-robin", .roundRobin), ("least-connections", .leastConnections), ("random", .random), ("first", .first),
    ("source-hash", .sourceHash), ("peak-ewma", .peakEWMA),
  ]

  /// A word, or `{ "hash": "sni", "load": 1.25 }`.
  static let shape = Shape<Self>.either(
    .words(words, besides: "an object"),
    or: Hash.shape.map(
      { .hash($0.key, load: $0.load) },
      { if case .hash(let key, let load) = $0 { Hash(key: key, load: load) } else { Hash() } }),
    "a scheduler or an object")

  private struct Hash {
    var key = HashKey.serverName
    var load: Double?

    static let shape = Shape<Self>.object(
      Self(), definition: "hash",
      [
        .required(
          "hash", \.key, HashKey.shape,
          "What the same backend is picked for. sni: the name that a TLS client asks for; http: uri, the path and the query; header:NAME or cookie:NAME, its value."
        ),
        Field(
          "load", \.load, .optional(.decimal(1...100)),
          "The most sessions of a backend, as a multiple of the mean of all. Without it there is no bound."),
      ])
  }
}

extension SchedulerConfiguration.HashKey: CustomStringConvertible {
  /// As balancer.json has it.
  public var description: String {
    switch self {
    case .serverName: "sni"
    case .uri: "uri"
    case .header(let name): "header:\(name)"
    case .cookie(let name): "cookie:\(name)"
    }
  }

  private init?(_ text: String) {
    let name = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().joined()
    switch text {
    case "sni": self = .serverName
    case "uri": self = .uri
    case _ where text.hasPrefix("header:") && FieldName.isValid(name): self = .header(name)
    case _ where text.hasPrefix("cookie:") && FieldName.isValid(name): self = .cookie(name)
    default: return nil
    }
  }

  fileprivate static let shape = Shape<Self>.scalar(
    "\"sni\", \"uri\", \"header:NAME\" or \"cookie:NAME\"",
    [
      "type": "string",
      "pattern": .string("^(sni|uri|(header|cookie):\(FieldName.characters){1,\(FieldName.longest)})$"),
    ],
    read: { scalar, _ throws(Mistake) in
      guard let text = scalar.text else { throw .unexpected() }
      if let key = Self(text) { return key }
      throw .unexpected(hint: Suggestions.nearest(to: text, among: ["sni", "uri"]).map(didYouMean))
    },
    write: { .string($0.description) })
}

extension SchedulerConfiguration: CustomStringConvertible {
  /// In few words: `round-robin`, `hash sni`, `hash sni, load 1.25`.
  public var description: String {
    if case .hash(let key, let load) = self { return "hash \(key)" + (load.map { ", load \($0)" } ?? "") }
    return Self.words.first { $0.1 == self }?.0 ?? ""
  }
}
