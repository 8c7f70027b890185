/// The errors that the proxy answers by itself.
public enum ErrorStatus: Int, CaseIterable, Sendable {
  case badRequest = 400
  case unauthorized = 401
  case forbidden = 403
  case notFound = 404
  case methodNotAllowed = 405
  case requestTimeout = 408
  case contentTooLarge = 413
  case uriTooLong = 414
  case expectationFailed = 417
  case misdirectedRequest = 421
  case tooManyRequests = 429
  case requestHeaderFieldsTooLarge = 431
  case internalServerError = 500
  case notImplemented = 501
  case badGateway = 502
  case serviceUnavailable = 503
  case gatewayTimeout = 504
  case httpVersionNotSupported = 505
  case loopDetected = 508

  /// RFC 9110, 15, RFC 6585 for 429 and 431, and RFC 5842 for 508.
  public var reason: StaticString {
    switch self {
    case .badRequest: "Bad Request"
    case .unauthorized: "Unauthorized"
    case .forbidden: "Forbidden"
    case .notFound: "Not Found"
    case .methodNotAllowed: "Method Not Allowed"
    case .requestTimeout: "Request Timeout"
    case .contentTooLarge: "Content Too Large"
    case .uriTooLong: "URI Too Long"
    case .expectationFailed: "Expectation Failed"
    case .misdirectedRequest: "Misdirected Request"
    case .tooManyRequests: "Too Many Requests"
    case .requestHeaderFieldsTooLarge: "Request Header Fields Too Large"
    case .internalServerError: "Internal Server Error"
    case .notImplemented: "Not Implemented"
    case .badGateway: "Bad Gateway"
    case .serviceUnavailable: "Service Unavailable"
    case .gatewayTimeout: "Gateway Timeout"
    case .httpVersionNotSupported: "HTTP Version Not Supported"
    case .loopDetected: "Loop Detected"
    }
  }

  /// What a visitor reads: what to do, and nothing of what is behind the proxy.
  var advice: StaticString {
    switch self {
    case .badRequest: "The request could not be understood."
    case .unauthorized: "A name and a password are needed here."
    case .forbidden: "This may not be seen from here."
    case .notFound: "There is nothing at this address."
    case .methodNotAllowed: "This kind of request is not allowed here."
    case .requestTimeout: "The request took too long to arrive. Please try again."
    case .contentTooLarge: "What was sent is too large."
    case .uriTooLong: "The address is too long."
    case .expectationFailed: "What the request expects is not possible here."
    case .misdirectedRequest: "The request came over a connection that is not for this site. Please try again."
    case .tooManyRequests: "Too many requests came from you. Please wait a little."
    case .requestHeaderFieldsTooLarge:
      "The head of the request is too large. Deleting the cookies of this site may help."
    case .internalServerError: "Something went wrong here. Please try again later."
    case .notImplemented: "This kind of request is not known here."
    case .badGateway: "The site gave no valid answer. Please try again later."
    case .serviceUnavailable: "The site cannot be reached at the moment. Please try again later."
    case .gatewayTimeout: "The site took too long to answer. Please try again later."
    case .httpVersionNotSupported: "This version of HTTP is not spoken here."
    case .loopDetected: "The request came back to where it had been. Please try again later."
    }
  }

  /// Whatever may follow on this connection cannot be told from what came: it has to end (RFC 9112, 9.6).
  public var endsConnection: Bool {
    switch self {
    case .badRequest, .requestTimeout, .contentTooLarge, .uriTooLong, .expectationFailed, .requestHeaderFieldsTooLarge,
      .notImplemented,
      .httpVersionNotSupported:
      true
    default: false
    }
  }
}
