/// The hash of a password as crypt(5) writes it, of a kind that is hard enough to guess and not too costly to check.
struct PasswordHash: Equatable, Sendable {
  /// Why a text is no such hash; finishes the sentence "the password of `USER` …".
  enum Refused: Error, Equatable {
    case plainText
    case md5
    case sha1
    case des
    case unknownKind(String)
    case malformed(String)
    case tooCostly(String)
  }

  /// Costs beyond these would hold up the one thread that verifies for a second or more.
  static let highestBcryptCost = 14
  static let mostRounds = 1_000_000

  /// The whole text, with a zero byte behind it: what libcrypt takes as the setting, and what it has to give.
  let text: [UInt8]

  init(parsing text: ArraySlice<UInt8>) throws(Refused) {
    let parts = text.split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false)
    guard text.first == UInt8(ascii: "$"), parts.count >= 3 else {
      if text.starts(with: "{SHA}".utf8) { throw .sha1 }
      throw text.count == 13 && text.allSatisfy(Self.isCryptByte) ? .des : .plainText
    }
    switch String(decoding: parts[1], as: UTF8.self) {
    case "2y", "2b", "2a": try Self.checkBcrypt(parts)
    case "5": try Self.checkSHA(parts, length: 43)
    case "6": try Self.checkSHA(parts, length: 86)
    case "apr1", "1": throw .md5
    case let kind: throw .unknownKind(kind)
    }
    self.text = Array(text) + [0]
  }

  /// `$2y$12$` and 22 characters of salt, 31 of the hash.
  private static func checkBcrypt(_ parts: [ArraySlice<UInt8>]) throws(Refused) {
    guard parts.count == 4, parts[2].count == 2, let cost = Int(String(decoding: parts[2], as: UTF8.self)),
      (4...31).contains(cost), parts[3].count == 53, parts[3].allSatisfy(isCryptByte)
    else { throw .malformed("$2y$, two digits of cost, $ and 53 characters expected") }
    if cost > highestBcryptCost { throw .tooCostly("a cost of \(cost); \(highestBcryptCost) at most") }
  }

  /// `$6$`, perhaps `rounds=5000$`, up to 16 characters of salt, `$`, the hash.
  private static func checkSHA(_ parts: [ArraySlice<UInt8>], length: Int) throws(Refused) {
    let words =
      "$\(length == 86 ? 6 : 5)$SALT$ and \(length) characters expected, perhaps with rounds=NUMBER$ before SALT"
    guard parts.count == 4 || parts.count == 5, let hash = parts.last, hash.count == length,
      hash.allSatisfy(isCryptByte), (1...16).contains(parts[parts.count - 2].count)
    else { throw .malformed(words) }
    guard parts.count == 5 else { return }
    let rounds = String(decoding: parts[2], as: UTF8.self)
    guard rounds.hasPrefix("rounds="), let number = Int(rounds.dropFirst(7)), number >= 1000,
      rounds == "rounds=\(number)"
    else { throw .malformed(words) }
    if number > mostRounds { throw .tooCostly("\(number) rounds; \(mostRounds) at most") }
  }

  /// `./0-9A-Za-z`
  private static func isCryptByte(_ byte: UInt8) -> Bool {
    (0x2E...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}

extension PasswordHash.Refused: CustomStringConvertible {
  private static let advice = "htpasswd -B makes one that is taken (bcrypt)"

  var description: String {
    switch self {
    case .plainText: "is no hash; plain text is not taken: \(Self.advice)"
    case .md5: "is an MD5 hash, which is guessed too quickly: \(Self.advice)"
    case .sha1: "is an SHA-1 hash without salt, which is guessed too quickly: \(Self.advice)"
    case .des: "is a DES hash of eight characters at most, which is guessed too quickly: \(Self.advice)"
    case .unknownKind(let kind):
      "has a hash of the unknown kind $\(kind.prefix(16).filter { $0.isASCII && ($0.isLetter || $0.isNumber) })$: bcrypt ($2y$), SHA-512 ($6$) and SHA-256 ($5$) are taken"
    case .malformed(let words): "has a damaged hash: \(words)"
    case .tooCostly(let words): "has a hash that takes too long to check: \(words)"
    }
  }
}
