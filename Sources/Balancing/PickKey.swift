import Base

/// What a session's or a request's key is made of: `PickRequest.key`.
///
/// A key is a stable hash, so that every process with the same configuration sends the same to the same backend.
public enum PickKey {
  /// The key of whoever has nothing else to go by: an address as it is, or 0 for a unix socket, whose clients are one.
  public static func of(client: IPAddress?) -> UInt64 { client.map { StableHash.of($0) } ?? 0 }

  /// The key of a name, or of the value of a field or a cookie; of the client where there is none. One that is there and
  /// empty is a value like any other.
  public static func of(value: UnsafeRawBufferPointer?, client: IPAddress?) -> UInt64 {
    value.map { StableHash.of(bytes: $0) } ?? of(client: client)
  }

  /// The key of what a request asks for: the path in normal form and the query as it came, where there is one. They are
  /// kept apart: `/a?b` and `/ab` have nothing in common.
  public static func of(path: UnsafeRawBufferPointer, query: UnsafeRawBufferPointer?) -> UInt64 {
    let hash = StableHash.of(bytes: path)
    return query.map { StableHash.of(bytes: $0, seed: hash) } ?? hash
  }
}
