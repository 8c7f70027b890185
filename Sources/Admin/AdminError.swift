import HTTPCore
import Telemetry

/// Why a request is not done, as its answer says it.
public struct AdminError: Error, Equatable, Sendable {
  public enum Code: String, Sendable {
    case badRequest = "bad-request"
    case unauthorized
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case timeout
    case conflict
    case tooLarge = "too-large"
    case unsupportedType = "unsupported-type"
    case misdirected
    case invalid
    case headTooLarge = "head-too-large"
    case unavailable

    public var status: UInt16 {
      switch self {
      case .badRequest: 400
      case .unauthorized: 401
      case .notFound: 404
      case .methodNotAllowed: 405
      case .timeout: 408
      case .conflict: 409
      case .tooLarge: 413
      case .unsupportedType: 415
      case .misdirected: 421
      case .invalid: 422
      case .headTooLarge: 431
      case .unavailable: 503
      }
    }
  }

  public let code: Code
  public let message: String
  /// The methods that there are instead, for the Allow field.
  var allowed: [String] = []

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  init(_ fault: MessageFault) {
    switch fault.status {
    case 413: self.init(.tooLarge, "the body is larger than 1MiB")
    case 414, 431: self.init(.headTooLarge, "the request is refused: \(fault)")
    default: self.init(.badRequest, "the request is refused: \(fault)")
    }
  }

  static func methodNotAllowed(_ allowed: [String]) -> AdminError {
    var error = AdminError(.methodNotAllowed, "this takes \(allowed.joined(separator: ", "))")
    error.allowed = allowed
    return error
  }

  /// The member `error` of an answer.
  public var json: JSONObject {
    var object = JSONObject()
    object.add("code", code.rawValue)
    object.add("message", message)
    return object
  }
}
