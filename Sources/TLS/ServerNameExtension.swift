/// What a ClientHello asks for by name: the server_name extension (RFC 6066, 3).
enum ServerNameExtension: Equatable {
  case host(HostName)
  /// Something that is no host name, such as an IP address in a form that a host name cannot have.
  case other
  /// Against the grammar.
  case malformed

  private static let hostNameType: UInt8 = 0

  /// Reads the extension's data: a list, of which one entry at most is a host name.
  init(_ data: UnsafeRawBufferPointer) {
    self = .malformed
    guard data.count >= 2, Self.length(data, at: 0) == data.count - 2 else { return }
    var position = 2
    var found: ServerNameExtension?
    while position < data.count {
      guard position + 3 <= data.count else { return }
      let type = data[position]
      let length = Self.length(data, at: position + 1)
      let start = position + 3
      guard start + length <= data.count else { return }
      if type == Self.hostNameType {
        guard found == nil, length > 0, length <= 255 else { return }
        let name = UnsafeRawBufferPointer(rebasing: data[start..<start + length])
        if name.contains(0) { return }
        found = HostName(bytes: name).map { .host($0) } ?? .other
      }
      position = start + length
    }
    self = found ?? (data.count > 2 ? .other : .malformed)
  }

  private static func length(_ data: UnsafeRawBufferPointer, at offset: Int) -> Int {
    Int(data[offset]) << 8 | Int(data[offset + 1])
  }
}
