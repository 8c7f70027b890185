import Base

/// Which certificates stand for which name.
struct CertificateChoice {
  /// The certificates that stand together, one of each kind of key.
  private(set) var sets: [[CertifiedKey]] = []
  /// By name, the index of a set.
  private(set) var table = NameTable<Int>()
  /// The index of the set where a client asks for no name, or for one that nobody has: the first certificate, and those
  /// that stand for all its names as well.
  private(set) var fallback = 0

  /// - Parameter keys: at least one. Under each name the first of each kind of key counts; one that has expired only where
  ///   there is no other.
  init(_ keys: [CertifiedKey], now: WallTime, _ findings: inout Findings) {
    var indices = NameTable<[Int]>()
    var names: [CertificateName] = []
    for isExpired in [false, true] {
      for (index, key) in keys.enumerated() where key.facts.isExpired(now: now) == isExpired {
        for name in key.names {
          let present = indices[name] ?? []
          if present.contains(where: { keys[$0].kind.slot == key.kind.slot }) { continue }
          if present.isEmpty { names.append(name) }
          indices[name] = present + [index]
        }
      }
    }

    var known: [[Int]: Int] = [:]
    func set(_ members: [Int]) -> Int {
      if let index = known[members] { return index }
      known[members] = sets.count
      sets.append(members.map { keys[$0] })
      return sets.count - 1
    }
    for name in names { table[name] = set(indices[name]!) }
    let common = keys[0].names.map { indices[$0]! }
    fallback = set(
      common.first.flatMap { first in common.allSatisfy { $0 == first } && first.contains(0) ? first : nil } ?? [0])

    let used = Set(known.keys.joined())
    for (index, key) in keys.enumerated() where !used.contains(index) {
      findings.warn(key.file, "is never used: other certificates have all of its names (\(key.facts.subject))")
    }
  }
}
