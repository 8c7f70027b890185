import Foundation

/// Clients that come again and again: each connects, learns who serves it, has a line sent back, and leaves.
final class Load {
  struct Lost: CustomStringConvertible, Sendable {
    let began: ContinuousClock.Instant
    let reason: String

    var description: String { reason }
  }

  struct Report: Sendable {
    /// Sessions from beginning to end, by the name of the backend.
    var served: [String: Int] = [:]
    var lost: [Lost] = []

    var total: Int { served.values.reduce(0, +) }
  }

  private let report = Locked(Report())
  private let isOver = Locked(false)
  private var clients: [BackgroundThread] = []

  init(on address: Address, clients: Int = 8) {
    let (report, isOver) = (self.report, self.isOver)
    for client in 0..<clients {
      self.clients.append(
        BackgroundThread {
          var round = 0
          while !isOver.current {
            round += 1
            let began = ContinuousClock.now
            do {
              let name = try Self.exchange(on: address, line: "client \(client), round \(round)")
              report.withLock { $0.served[name, default: 0] += 1 }
            } catch {
              report.withLock { $0.lost.append(Lost(began: began, reason: "\(error)")) }
            }
          }
        })
    }
  }

  private static func exchange(on address: Address, line: String) throws -> String {
    let socket = try Socket(connectingTo: address)
    guard let name = try socket.receiveLine() else { throw Failure("closed before a backend said its name") }
    try socket.send(line + "\n")
    guard let echo = try socket.receiveLine() else { throw Failure("closed by \(name) in the middle") }
    guard echo == line else { throw Failure("\(name) sent \(echo) instead of \(line)") }
    try socket.finishSending()
    guard try socket.receiveAll().isEmpty else { throw Failure("\(name) sent more than was asked for") }
    return name
  }

  /// Waits until so many more sessions were served, by anyone or by one backend.
  func waitForSessions(_ count: Int, by name: String? = nil, within limit: Duration = patience) throws {
    func served(_ report: Report) -> Int { name.map { report.served[$0, default: 0] } ?? report.total }
    let start = report.withLock { served($0) }
    guard report.wait(within: limit, for: { served($0) >= start + count ? true : nil }) != nil else {
      throw Failure("\(count) sessions by \(name ?? "anyone") expected within \(limit): \(report.current)")
    }
  }

  /// Lets every client finish what it has begun.
  func stop() throws -> Report {
    isOver.withLock { $0 = true }
    for client in clients { try client.join() }
    return report.current
  }
}
