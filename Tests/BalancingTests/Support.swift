import Base

@testable import Balancing

func makeBackends(_ count: Int, pool: String = "web") -> [Backend] {
  (0..<count).map { index in
    Backend(pool: pool, name: "b\(index)", address: .ip(.loopbackIPv4, port: UInt16(9000 + index)))
  }
}

func makePool(_ scheduler: SchedulerKind, _ members: [Member], health: BackendHealth = .up) -> Pool {
  Pool(name: "web", scheduler: scheduler, members: members, initialHealth: { _ in health })
}

extension Pool {
  func pickBackend(avoiding tried: [Backend] = []) -> Backend? {
    if case .backend(let backend, _) = pick(avoiding: tried) { backend } else { nil }
  }

  /// The names of the next picks, each session ending at once.
  func sequence(_ count: Int) -> String {
    (0..<count).map { _ in
      guard let backend = pickBackend() else { return "-" }
      release(backend)
      return String(backend.name.dropFirst())
    }.joined(separator: " ")
  }

  /// The names of the next picks, each session staying open.
  func openSequence(_ count: Int) -> String {
    (0..<count).map { _ in pickBackend().map { String($0.name.dropFirst()) } ?? "-" }.joined(separator: " ")
  }
}

extension Pick {
  var unavailability: Unavailability? { if case .none(let reason) = self { reason } else { nil } }
  var isWait: Bool { if case .wait = self { true } else { false } }
  var reason: PickReason? { if case .backend(_, let reason) = self { reason } else { nil } }
}
