import Base

/// Users and the hashes of their passwords, from a file that htpasswd(1) makes: `name:hash`, one a line.
public struct UserFile: Sendable {
  /// The largest file, and the most users in it.
  public static let largest = 4 << 20
  public static let mostUsers = 50_000
  /// Problems of one file that are told; one that is no htpasswd file at all would have thousands.
  private static let mostProblems = 20

  /// One line that cannot be taken.
  public struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// Counted from 1; 0 for the file as a whole.
    public let line: Int
    public let reason: String

    /// `line 3: the password of alice is an MD5 hash, …`
    public var description: String { line == 0 ? reason : "line \(line): \(reason)" }
  }

  public struct Problems: Error, Equatable, Sendable, CustomStringConvertible {
    public let all: [Problem]
    public var description: String { all.map(\.description).joined(separator: "\n") }
  }

  private let hashes: [[UInt8]: PasswordHash]
  /// Checked for those who are no users, so that they wait as long as users do.
  let decoy: PasswordHash

  public var count: Int { hashes.count }

  /// - Parameter bytes: the file's.
  /// - Throws: every problem, in one go.
  public init(parsing bytes: [UInt8]) throws(Problems) {
    guard bytes.count <= Self.largest else {
      throw Problems(all: [Problem(line: 0, reason: "is larger than 4 MiB")])
    }
    var hashes: [[UInt8]: PasswordHash] = [:]
    var lines: [[UInt8]: Int] = [:]
    var costs: [Cost] = []
    var problems: [Problem] = []
    for (index, raw) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      guard problems.count < Self.mostProblems else {
        problems.append(Problem(line: index + 1, reason: "and perhaps more; reading ended here"))
        break
      }
      func fail(_ reason: String) { problems.append(Problem(line: index + 1, reason: reason)) }
      let line = raw.last == 0x0D ? raw.dropLast() : raw
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) || line.first == UInt8(ascii: "#") { continue }
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
        fail("name:hash expected, found no colon")
        continue
      }
      let user = Array(line[..<colon])
      guard (1...BasicCredentials.longestUser).contains(user.count),
        !user.contains(where: { $0 < 0x20 || $0 == 0x7F })
      else {
        fail("a name of 1…\(BasicCredentials.longestUser) bytes without control characters expected before the colon")
        continue
      }
      let name = String(decoding: user, as: UTF8.self)
      if let former = lines[user] {
        fail("\(name) has a password in line \(former) already")
        continue
      }
      lines[user] = index + 1
      // Old files have comments or real names behind a second colon.
      let end = line[(colon + 1)...].firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
      do throws(PasswordHash.Refused) {
        let hash = try PasswordHash(parsing: line[(colon + 1)..<end])
        hashes[user] = hash
        costs.append(Cost(hash))
      } catch {
        fail("the password of \(name) \(error)")
      }
      if hashes.count > Self.mostUsers {
        fail("more than \(Self.mostUsers) users")
        break
      }
    }
    if problems.isEmpty, hashes.isEmpty { problems.append(Problem(line: 0, reason: "has no user in it")) }
    guard problems.isEmpty else { throw Problems(all: problems) }
    self.hashes = hashes
    decoy = Cost.commonest(costs).decoy
  }

  func hash(of user: [UInt8]) -> PasswordHash? { hashes[user] }
}

/// What checking a hash costs: its kind and its rounds.
private struct Cost: Hashable {
  /// The text up to the salt: `$2y$12$`, `$6$`, `$6$rounds=10000$`.
  let setting: [UInt8]

  init(_ hash: PasswordHash) {
    let text = hash.text.dropLast()
    let dollars = text.indices.filter { text[$0] == UInt8(ascii: "$") }
    // bcrypt has salt and hash in one; the others have a dollar between them.
    let isBcrypt = text[1] == UInt8(ascii: "2")
    setting = Array(text[...dollars[dollars.count - (isBcrypt ? 1 : 2)]])
  }

  /// The one that most users have; of equals, the one that was first.
  static func commonest(_ costs: [Cost]) -> Cost {
    var counts: [Cost: Int] = [:]
    for cost in costs { counts[cost, default: 0] += 1 }
    var best = costs[0]
    for cost in costs where counts[cost]! > counts[best]! { best = cost }
    return best
  }

  /// A hash of that cost which no password has.
  var decoy: PasswordHash {
    let rest: String
    switch setting[1] {
    case UInt8(ascii: "2"): rest = String(repeating: ".", count: 53)
    case UInt8(ascii: "5"): rest = "................$" + String(repeating: ".", count: 43)
    default: rest = "................$" + String(repeating: ".", count: 86)
    }
    do throws(PasswordHash.Refused) { return try PasswordHash(parsing: (setting + rest.utf8)[...]) } catch {
      preconditionFailure("a decoy has the form of the hash it stands for: \(error)")
    }
  }
}
