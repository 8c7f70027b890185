/// What belongs to one connection and not to the message (RFC 9110, 7.6.1).
public enum HopByHop {
  /// Fields that are never passed on: those of the RFC, and the ones that authenticate to a proxy, which this program is
  /// not. What takes their place on the other side is written anew by `HeadWriter`.
  public static let fields: UInt64 =
    KnownField.connection.bit | KnownField.keepAlive.bit | KnownField.proxyConnection.bit | KnownField.te.bit
    | KnownField.upgrade.bit | KnownField.http2Settings.bit | KnownField.transferEncoding.bit
    | KnownField.proxyAuthenticate.bit | KnownField.proxyAuthorization.bit | KnownField.proxyAuthenticationInfo.bit

  /// Marks the fields that `option`, one of the Connection field, names.
  ///
  /// Only fields of no known name can be taken out this way. The others mean the same to everybody on the way, and
  /// a sender must not name them (RFC 9110, 7.6.1); a client that could remove X-Forwarded-For, Authorization or Host
  /// could pretend to be somebody else.
  static func markNominated(
    _ option: UnsafeRawBufferPointer, in fields: inout FieldTable, of bytes: UnsafeRawBufferPointer
  ) {
    var from = 0
    while let index = fields.index(named: option, in: bytes, from: from) {
      if fields[index].known == .other { fields.mark(.nominated, at: index) }
      from = index + 1
    }
  }
}
