import COpenSSL

/// The versions that are spoken: what is older has known holes.
public enum TLSVersion: String, CaseIterable, Comparable, Sendable {
  case tls12 = "1.2"
  case tls13 = "1.3"

  public static func < (left: TLSVersion, right: TLSVersion) -> Bool { left.number < right.number }

  var number: Int32 {
    switch self {
    case .tls12: TLS1_2_VERSION
    case .tls13: TLS1_3_VERSION
    }
  }

  init?(number: Int32) {
    guard let version = Self.allCases.first(where: { $0.number == number }) else { return nil }
    self = version
  }
}
