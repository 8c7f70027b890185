import Base
import Glibc
import Reactor
import TCPProxy

/// Far more clients than a table has room for: what `perClient` costs for each, and whether its memory stays what it was.
struct ClientFlood: CustomStringConvertible {
  private static let clients = 10_000_000
  /// More than the table holds, so that all its memory has been touched before it is measured.
  private static let first = 1_000_000
  /// What the process itself may take meanwhile, in bytes.
  private static let allowedGrowth = 256 << 10

  /// Of the table, in bytes.
  let reserved: Int
  let reservedLater: Int
  /// Of the whole process, at its largest, in bytes.
  let grown: Int
  let nanosecondsPerClient: Int
  let standing: ClientTable.Standing

  var hasGrown: Bool { reservedLater != reserved || grown > Self.allowedGrowth }

  init() {
    let table = ClientTable(seed: 1)
    let limits = ClientTable.Limits(connections: 100, rate: Rate(100, per: .second))
    reserved = table.memory
    Self.visit(table, limits, 0..<Self.first)
    let resident = Self.largestResident
    let start = Clock.now
    Self.visit(table, limits, Self.first..<Self.first + Self.clients)
    nanosecondsPerClient = Int((Clock.now - start).nanoseconds) / Self.clients
    grown = Self.largestResident - resident
    reservedLater = table.memory
    standing = table.standing
  }

  /// A connection of each, which ends at once. No two numbers are the same client.
  private static func visit(_ table: ClientTable, _ limits: ClientTable.Limits, _ numbers: Range<Int>) {
    for number in numbers {
      let client = IPAddress(ipv4: UInt32(truncatingIfNeeded: number))
      let answer = table.admit(client, limits: limits, now: Instant(nanoseconds: UInt64(number)))
      if case .admitted(let ticket) = answer { table.release(ticket) }
    }
  }

  /// getrusage(2).
  private static var largestResident: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }

  var description: String {
    """
    \(Self.clients) clients, each \(nanosecondsPerClient) ns in the table of perClient: it remembers \(standing.clients), \
    has forgotten \(standing.forgotten), and has \(reserved >> 10) KiB as before; the process has grown by \(grown >> 10) KiB\
    \(hasGrown ? "\nthe table has grown: \(reserved) → \(reservedLater) bytes" : "")
    """
  }
}
