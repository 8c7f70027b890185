import Synchronization
import TLS

/// What became of the TLS handshakes of a listener's clients since the start.
public final class HandshakeCounters: Sendable {
  /// Done, whether full or resumed.
  public let done = Atomic<Int>(0)
  /// Of these, those that went on with an earlier session.
  public let resumed = Atomic<Int>(0)

  /// Why one has failed.
  public enum Fault: String, CaseIterable, Sendable {
    /// The client's certificate was not accepted, or it showed none.
    case certificate
    /// The client refused with a fatal alert.
    case refused
    /// No version, cipher or protocol in common.
    case incompatible
    /// The client asked for a name that no certificate is for.
    case unknownName
    /// The client speaks no TLS, or breaks its rules.
    case malformed
    /// The client went away within it.
    case cut
    /// It did not come to its end within `timeouts.handshake`.
    case timeout
    /// Our own fault: memory ran out, or OpenSSL failed.
    case internalError

    init(_ cause: TLSFailure.Cause) {
      self =
        switch cause {
        case .certificate: .certificate
        case .refused: .refused
        case .incompatible: .incompatible
        case .unknownName: .unknownName
        case .malformed: .malformed
        case .cut: .cut
        case .internalError: .internalError
        }
    }
  }

  private let certificate = Atomic<Int>(0)
  private let refused = Atomic<Int>(0)
  private let incompatible = Atomic<Int>(0)
  private let unknownName = Atomic<Int>(0)
  private let malformed = Atomic<Int>(0)
  private let cut = Atomic<Int>(0)
  private let timeout = Atomic<Int>(0)
  private let internalError = Atomic<Int>(0)

  public init() {}

  /// How many have failed for this reason.
  public func failed(_ fault: Fault) -> Int {
    switch fault {
    case .certificate: certificate.load(ordering: .relaxed)
    case .refused: refused.load(ordering: .relaxed)
    case .incompatible: incompatible.load(ordering: .relaxed)
    case .unknownName: unknownName.load(ordering: .relaxed)
    case .malformed: malformed.load(ordering: .relaxed)
    case .cut: cut.load(ordering: .relaxed)
    case .timeout: timeout.load(ordering: .relaxed)
    case .internalError: internalError.load(ordering: .relaxed)
    }
  }

  /// How many have failed.
  public var failed: Int { Fault.allCases.reduce(0) { $0 + failed($1) } }

  func count(_ fault: Fault) {
    switch fault {
    case .certificate: certificate.add(1, ordering: .relaxed)
    case .refused: refused.add(1, ordering: .relaxed)
    case .incompatible: incompatible.add(1, ordering: .relaxed)
    case .unknownName: unknownName.add(1, ordering: .relaxed)
    case .malformed: malformed.add(1, ordering: .relaxed)
    case .cut: cut.add(1, ordering: .relaxed)
    case .timeout: timeout.add(1, ordering: .relaxed)
    case .internalError: internalError.add(1, ordering: .relaxed)
    }
  }
}
