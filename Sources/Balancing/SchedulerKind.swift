/// Which scheduler a pool has, as balancer.json names it.
public enum SchedulerKind: Equatable, Sendable {
  case roundRobin, leastConnections, random, first, sourceHash
  /// `load` bounds a backend to that multiple of the mean; nil is no bound.
  case hash(HashKey, load: Double?)
  case peakEWMA

  /// What a key is made of.
  public enum HashKey: Equatable, Sendable {
    /// The name that a TLS client asks for (SNI); the client's address where there is none.
    case serverName
    /// The path and the query of a request, in http mode.
    case uri
    /// The value of a field, or of a cookie, of a request in http mode.
    case header(String)
    case cookie(String)
  }

  /// What a scheduler goes by besides weights and sessions: nobody else pays for it.
  public struct Needs: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `PickRequest.key`: the stable hash of the client's address.
    public static let source = Needs(rawValue: 1)
    /// `PickRequest.key`: the stable hash of the name that the client asks for; of its address where there is none.
    public static let serverName = Needs(rawValue: 2)
    /// `PickRequest.random`.
    public static let random = Needs(rawValue: 4)
    /// `Pool.answered` and `Pool.failed`.
    public static let answers = Needs(rawValue: 8)
    /// `PickRequest.key`: of what `SchedulerKind.hashKey` says of a request; of the client's address where there is none.
    public static let request = Needs(rawValue: 16)
  }

  public var needs: Needs {
    switch self {
    case .roundRobin, .leastConnections, .first: []
    case .random: .random
    case .sourceHash: .source
    case .hash(.serverName, _): .serverName
    case .hash(.uri, _), .hash(.header, _), .hash(.cookie, _): .request
    case .peakEWMA: [.random, .answers]
    }
  }

  /// What its keys are made of; nil of one that hashes nothing but addresses, or nothing at all.
  public var hashKey: HashKey? {
    if case .hash(let key, _) = self { key } else { nil }
  }

  func makeScheduler() -> any Scheduler {
    switch self {
    case .roundRobin: RoundRobin()
    case .leastConnections: LeastConnections()
    case .random: TwoChoices()
    case .first: First()
    case .sourceHash: KeyHash()
    case .hash(_, let load): KeyHash(load: load)
    case .peakEWMA: PeakEWMA()
    }
  }
}

extension SchedulerKind: CaseIterable {
  /// One of each; those that hash, with a bound and without.
  public static let allCases: [SchedulerKind] = [
    .roundRobin, .leastConnections, .random, .first, .sourceHash, .hash(.serverName, load: 1.25), .peakEWMA,
  ]
}

extension SchedulerKind: CustomStringConvertible {
  /// As it is written in balancer.json.
  public var description: String {
    switch self {
    case .roundRobin: "round-robin"
    case .leastConnections: "least-connections"
    case .random: "random"
    case .first: "first"
    case .sourceHash: "source-hash"
    case .hash(let key, nil): "hash \(key)"
    case .hash(let key, let load?): "hash \(key), load \(load)"
    case .peakEWMA: "peak-ewma"
    }
  }
}

extension SchedulerKind.HashKey: CustomStringConvertible {
  /// As it is written in balancer.json.
  public var description: String {
    switch self {
    case .serverName: "sni"
    case .uri: "uri"
    case .header(let name): "header:\(name)"
    case .cookie(let name): "cookie:\(name)"
    }
  }
}
