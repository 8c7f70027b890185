import Base

/// What has to hold for a route, as it is given: all of it. `RouteTable` compiles it.
public struct RouteMatch: Sendable {
  public enum Path: Equatable, Sendable {
    case exact(String)
    /// Whole segments; a slash at its end makes no difference.
    case prefix(String)
  }

  public enum Value: Sendable {
    case exact(String)
    case regex(RegularExpression)
    /// true: it is there; false: it is not.
    case present(Bool)
  }

  /// Empty is every host.
  public var hosts: [HostPattern] = []
  /// Percent-encoded or not; brought into the normal form of all paths.
  public var path: Path?
  /// Found in the normalized path.
  public var pathExpression: RegularExpression?
  /// Empty is every method.
  public var methods: [String] = []
  /// Fields of the request by name.
  public var fields: [(name: String, value: Value)] = []
  /// Parameters of the query by name, both decoded.
  public var parameters: [(name: String, value: Value)] = []
  /// Empty is everyone.
  public var sources: [CIDR] = []
  /// Empty is every server name, and none.
  public var serverNames: [SNIPattern] = []

  public init() {}
}

/// What a request is matched by. The buffers are lent for the call.
public struct RoutedRequest {
  /// As the client spelled it, without a port; empty where there is none.
  public var host: UnsafeRawBufferPointer
  /// In normal form (`PathNormalizer`). Anything that does not begin with a slash, such as `*`, has no path.
  public var path: UnsafeRawBufferPointer
  /// Without the question mark.
  public var query: UnsafeRawBufferPointer
  public var method: UnsafeRawBufferPointer
  /// What the ranges of the fields are of.
  public var bytes: UnsafeRawBufferPointer
  /// nil of a unix socket.
  public var client: IPAddress?
  /// In lower case, as `ClientHello` has it; empty where there is none.
  public var serverName: UnsafeRawBufferPointer

  public init(
    host: UnsafeRawBufferPointer = Self.nothing, path: UnsafeRawBufferPointer,
    query: UnsafeRawBufferPointer = Self.nothing, method: UnsafeRawBufferPointer,
    bytes: UnsafeRawBufferPointer = Self.nothing, client: IPAddress? = nil,
    serverName: UnsafeRawBufferPointer = Self.nothing
  ) {
    self.host = host
    self.path = path
    self.query = query
    self.method = method
    self.bytes = bytes
    self.client = client
    self.serverName = serverName
  }

  public static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
}
