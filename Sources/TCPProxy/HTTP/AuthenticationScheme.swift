import HTTPCore

/// Schemes of authentication (RFC 9110, 11.1), as far as a relay must know them.
enum AuthenticationScheme {
  /// Whether what a field names authenticates the connection instead of the request (RFC 4559, 6): then the connection is
  /// for one client alone.
  static func bindsConnection(_ value: UnsafeRawBufferPointer) -> Bool {
    begins(value, with: "ntlm") || begins(value, with: "negotiate")
  }

  /// Whether one of the fields of a name does.
  static func bindsConnection(
    _ known: KnownField, in fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer
  ) -> Bool {
    var next = fields.index(of: known, from: 0)
    while let index = next {
      if bindsConnection(bytes[fields[index].value]) { return true }
      next = fields.index(of: known, from: index + 1)
    }
    return false
  }

  private static func begins(_ value: UnsafeRawBufferPointer, with name: StaticString) -> Bool {
    let count = name.utf8CodeUnitCount
    guard value.count >= count else { return false }
    for index in 0..<count where value[index] | 0x20 != name.utf8Start[index] { return false }
    return value.count == count || value[count] == 0x20 || value[count] == 0x2C
  }
}
