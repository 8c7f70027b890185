/// Why a TLS connection is over.
public struct TLSFailure: Error, Equatable, Sendable {
  /// Whose fault it was: whoever broke a rule, showed a bad certificate or refused.
  public enum Party: String, Sendable {
    case client, backend, us
  }

  public enum Phase: Sendable {
    /// Nothing of what the sessions carry has been sent.
    case handshake
    /// Bytes may have passed.
    case data
  }

  public enum Cause: Equatable, Sendable {
    /// The other side's certificate is not accepted, or it showed none.
    case certificate
    /// The other side sent a fatal alert.
    case refused(TLSAlert)
    /// No version, cipher or protocol in common.
    case incompatible
    /// A client asked for a name that no certificate is for.
    case unknownName
    /// The other side's bytes are no TLS, or break its rules.
    case malformed
    /// The connection ended within the handshake, or without close_notify.
    case cut
    /// Memory ran out, or OpenSSL failed for another reason of its own.
    case internalError
  }

  public let party: Party
  public let phase: Phase
  public let cause: Cause
  /// For an operator, such as `certificate has expired (backend cert CN=app.internalError, expired 2026-11-01)`.
  public let words: String

  public init(party: Party, phase: Phase, cause: Cause, words: String) {
    self.party = party
    self.phase = phase
    self.cause = cause
    self.words = words
  }

  /// Nothing was sent that matters: another backend may be tried.
  public var mayRetry: Bool { phase == .handshake && party != .client }
}

extension TLSFailure: CustomStringConvertible {
  public var description: String { words }
}
