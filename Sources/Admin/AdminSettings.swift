import Base
import Reactor

/// What the server goes by; a reload replaces it as a whole.
public struct AdminSettings: Sendable {
  public struct Entrance: Sendable {
    public let address: SocketAddress
    public let socket: SharedDescriptor

    public init(address: SocketAddress, socket: SharedDescriptor) {
      self.address = address
      self.socket = socket
    }
  }

  public var entrances: [Entrance] = []
  /// nil asks for none.
  public var token: AccessToken?
  /// Who may connect; nil is everyone.
  public var allow: PrefixSet?
  public var hasDashboard = true
  /// What the machine is called.
  public var machine = ""

  public init() {}
}

/// What a request, and whoever sends it, may cost.
enum AdminLimits {
  static let connections = 64
  /// Of them readers of events: the others can still be answered.
  static let streams = 48
  static let body = 1 << 20
  /// From the connection, or from the first byte on, to the last.
  static let request: Duration = .seconds(10)
  /// Between two requests.
  static let idle: Duration = .seconds(30)
  /// For the control thread to answer: host names that a reload waits for have their own time.
  static let answer: Duration = .seconds(30)
  /// For the other side to take an answer.
  static let writing: Duration = .seconds(30)
  /// For the other side to notice the end, so that a reset does not take the answer away.
  static let lingering: Duration = .seconds(2)
  static let heartbeat: Duration = .seconds(15)
  /// Bytes of events that a reader has not taken.
  static let backlog = 256 << 10
}
