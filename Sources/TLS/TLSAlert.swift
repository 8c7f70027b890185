/// What one side tells the other when it gives up (RFC 8446, 6).
public struct TLSAlert: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let closeNotify = TLSAlert(rawValue: 0)
  public static let handshakeFailure = TLSAlert(rawValue: 40)
  public static let internalError = TLSAlert(rawValue: 80)
  public static let badCertificate = TLSAlert(rawValue: 42)
  public static let certificateExpired = TLSAlert(rawValue: 45)
  public static let unknownCA = TLSAlert(rawValue: 48)
  public static let protocolVersion = TLSAlert(rawValue: 70)
  public static let unrecognizedName = TLSAlert(rawValue: 112)
  public static let certificateRequired = TLSAlert(rawValue: 116)
  public static let noApplicationProtocol = TLSAlert(rawValue: 120)

  /// The name in the standard, such as `unknown_ca`.
  public var name: String { Self.table[rawValue]?.name ?? "alert \(rawValue)" }

  /// What the sender of it most likely means, for whoever runs the receiver.
  public var meaning: String? { Self.table[rawValue]?.meaning }

  private static let table: [UInt8: (name: String, meaning: String?)] = [
    0: ("close_notify", nil),
    10: ("unexpected_message", nil),
    20: ("bad_record_mac", "bytes were altered on the way"),
    22: ("record_overflow", nil),
    40: ("handshake_failure", "no cipher, group or signature in common, or it wants a client certificate"),
    42: ("bad_certificate", "it does not accept our certificate"),
    43: ("unsupported_certificate", "it does not accept our certificate's kind"),
    44: ("certificate_revoked", "our certificate is revoked"),
    45: ("certificate_expired", "it holds our certificate for expired"),
    46: ("certificate_unknown", "it does not accept our certificate"),
    47: ("illegal_parameter", nil),
    48: ("unknown_ca", "it does not know the authority that signed our certificate"),
    49: ("access_denied", "our certificate is valid, but not let in"),
    50: ("decode_error", nil),
    51: ("decrypt_error", "a signature of ours did not verify"),
    70: ("protocol_version", "no TLS version in common"),
    71: ("insufficient_security", "it wants stronger ciphers"),
    80: ("internal_error", "something failed on its side"),
    86: ("inappropriate_fallback", "it takes this for a downgrade"),
    90: ("user_canceled", nil),
    100: ("no_renegotiation", nil),
    109: ("missing_extension", nil),
    110: ("unsupported_extension", nil),
    112: ("unrecognized_name", "it has no certificate for the server name"),
    113: ("bad_certificate_status_response", "it does not accept the stapled OCSP response"),
    115: ("unknown_psk_identity", nil),
    116: ("certificate_required", "it wants a client certificate"),
    120: ("no_application_protocol", "no ALPN protocol in common"),
  ]
}

extension TLSAlert: CustomStringConvertible {
  /// `unknown_ca: it does not know the authority that signed our certificate`
  public var description: String { meaning.map { "\(name): \($0)" } ?? name }
}

/// An alert as it travels (RFC 8446, 6).
public struct TLSAlertMessage: Equatable, Sendable {
  /// The connection is over with it.
  public let isFatal: Bool
  public let alert: TLSAlert

  public init(isFatal: Bool, _ alert: TLSAlert) {
    self.isFatal = isFatal
    self.alert = alert
  }

  public static let closeNotify = TLSAlertMessage(isFatal: false, .closeNotify)

  /// Level and description.
  public var bytes: (UInt8, UInt8) { (isFatal ? 2 : 1, alert.rawValue) }
}
