/// How a pool picks a backend for a new session.
public enum SchedulerConfiguration: Equatable, Sendable {
  case roundRobin, leastConnections, random, first, sourceHash
  /// By the name that a TLS client asks for (SNI). `load` bounds a backend to that multiple of the mean.
  case serverNameHash(load: Double?)
  case peakEWMA

  static let words: [(String, Self)] = [
    ("round-robin", .roundRobin), ("least-connections", .leastConnections), ("random", .random), ("first", .first),
    ("source-hash", .sourceHash), ("peak-ewma", .peakEWMA),
  ]

  /// A word, or `{ "hash": "sni", "load": 1.25 }`.
  static let shape = Shape<Self>.either(
    .words(words, besides: "an object"),
    or: Hash.shape.map(
      { .serverNameHash(load: $0.load) },
      { if case .serverNameHash(let load) = $0 { Hash(load: load) } else { Hash() } }),
    "a scheduler or an object")

  private struct Hash {
    var key = HashKey.sni
    var load: Double?

    init(load: Double? = nil) { self.load = load }

    static let shape = Shape<Self>.object(
      Self(), definition: "hash",
      [
        .required(
          "hash", \.key, HashKey.shape, "What the same backend is picked for: sni is the name that a client asks for."),
        Field(
          "load", \.load, .optional(.decimal(1...100)),
          "The most sessions of a backend, as a multiple of the mean of all. Without it there is no bound."),
      ])
  }

  private enum HashKey: String, CaseIterable {
    case sni

    static let shape = Shape<Self>.scalar(
      "\"sni\"", ["const": "sni"],
      read: { scalar, _ throws(Mistake) in
        guard let text = scalar.text else { throw .unexpected() }
        if text == "sni" { return .sni }
        if text == "uri" || text.hasPrefix("header:") || text.hasPrefix("cookie:") {
          throw .described("needs a listener with \"mode\": \"http\"; with \"tcp\" only \"sni\" can be hashed")
        }
        throw .unexpected(hint: Suggestions.nearest(to: text, among: ["sni"]).map(didYouMean))
      },
      write: { .string($0.rawValue) })
  }
}

extension SchedulerConfiguration: CustomStringConvertible {
  /// In few words: `round-robin`, `hash sni`, `hash sni, load 1.25`.
  public var description: String {
    if case .serverNameHash(let load) = self { return "hash sni" + (load.map { ", load \($0)" } ?? "") }
    return Self.words.first { $0.1 == self }?.0 ?? ""
  }
}
