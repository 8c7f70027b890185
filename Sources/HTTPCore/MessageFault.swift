/// Why a message cannot be taken.
///
/// After any of them nothing that follows on the connection can be trusted: it is answered (a request) and closed. One
/// byte and without a payload, so that it can be thrown and stored for nothing. The raw value is its name, for labels.
public enum MessageFault: String, Error, Sendable, CaseIterable, BitwiseCopyable {
  // The first line.
  case badRequestLine, badMethod, badTarget, badVersion, unsupportedVersion, badStatusLine, badStatus
  case targetTooLong, headTooLarge, tooManyFields

  // Lines and fields.
  case bareLineEnd, foldedField, fieldWithoutColon, emptyFieldName, badFieldName, badFieldValue

  // Where a request goes.
  case missingHost, repeatedHost, badHost, hostDisagrees, userInformation, badScheme

  // Connections.
  case badConnection, tooManyConnectionOptions, unknownExpectation, badMaxForwards

  // How long a body is.
  case badContentLength, repeatedContentLength, bothLengths, badTransferEncoding, unsupportedTransferEncoding
  case transferEncodingInOldVersion, bodyOfConnect, bodyTooLarge

  // Chunks.
  case badChunkSize, badChunkExtension, chunkExtensionsTooLong, badChunkEnd, trailersTooLarge

  // The path.
  case badEscape, escapedNull, encodedSlash, backslash, aboveRoot, ambiguousSegment, overlongCharacter
}

extension MessageFault {
  /// What a client is answered. The same fault in a response is a 502 for the client, whatever it is: `gatewayStatus`.
  public var status: UInt16 {
    switch self {
    case .targetTooLong: 414
    case .headTooLarge, .tooManyFields, .trailersTooLarge: 431
    case .unsupportedVersion: 505
    case .unsupportedTransferEncoding: 501
    case .bodyTooLarge: 413
    case .unknownExpectation: 417
    default: 400
    }
  }

  /// What a client is answered when a backend's message is at fault (RFC 9110, 15.6.3).
  public static var gatewayStatus: UInt16 { 502 }
}

extension MessageFault: CustomStringConvertible {
  /// In words that finish the sentences "The request is refused: …" and "The response is refused: …".
  public var description: String {
    switch self {
    case .badRequestLine: "its first line is not a method, a target and a version with one space between them"
    case .badMethod: "its method is not a token"
    case .badTarget: "its target is of no form that the method allows, or has a character that none may have"
    case .badVersion: "its first line does not end with a version of HTTP"
    case .unsupportedVersion: "its version of HTTP is not 1.0 or 1.1"
    case .badStatusLine: "its first line is not a version, a status and a reason"
    case .badStatus: "its status is not a number from 100 to 599"
    case .targetTooLong: "its first line is longer than allowed"
    case .headTooLarge: "its head is larger than allowed (http.maxHeader)"
    case .tooManyFields: "it has more fields than allowed (http.maxHeaders)"
    case .bareLineEnd: "a carriage return or a line feed stands alone"
    case .foldedField: "a field line begins with a blank"
    case .fieldWithoutColon: "a field line has no colon"
    case .emptyFieldName: "a field has no name"
    case .badFieldName: "a field's name is not a token, or a blank stands before its colon"
    case .badFieldValue: "a field's value has a control character"
    case .missingHost: "it has no Host"
    case .repeatedHost: "it has several Host fields"
    case .badHost: "its Host, or its target's, is not a host and perhaps a port"
    case .hostDisagrees: "its Host is another than its target's"
    case .userInformation: "its target has a user name or password"
    case .badScheme: "the scheme of its target is neither http nor https"
    case .badConnection: "its Connection field is not a list of tokens"
    case .tooManyConnectionOptions: "its Connection field names more than \(ConnectionOptions.most) options"
    case .unknownExpectation: "it expects something other than 100-continue"
    case .badMaxForwards: "its Max-Forwards is not a number"
    case .badContentLength: "its Content-Length is not a number"
    case .repeatedContentLength: "it has several values of Content-Length"
    case .bothLengths: "it has both Content-Length and Transfer-Encoding"
    case .badTransferEncoding: "its Transfer-Encoding does not end in one chunked"
    case .unsupportedTransferEncoding: "its Transfer-Encoding has a coding other than chunked"
    case .transferEncodingInOldVersion: "it is of HTTP/1.0 and has a Transfer-Encoding"
    case .bodyOfConnect: "it is a CONNECT with a body"
    case .bodyTooLarge: "its body is larger than allowed (http.maxBody)"
    case .badChunkSize: "the size of a chunk is not a hexadecimal number that fits"
    case .badChunkExtension: "an extension of a chunk has a control character"
    case .chunkExtensionsTooLong: "the extensions of its chunks are longer than allowed"
    case .badChunkEnd: "a chunk does not end where its size says"
    case .trailersTooLarge: "its trailers are larger or more than allowed"
    case .badEscape: "a percent sign in its path is not followed by two hexadecimal digits"
    case .escapedNull: "its path has an escaped null character"
    case .encodedSlash: "its path has an escaped slash or backslash"
    case .backslash: "its path has a backslash"
    case .aboveRoot: "its path leads above the root"
    case .ambiguousSegment: "a segment of its path is a dot to some and a name to others"
    case .overlongCharacter: "its path has a character in a longer form of UTF-8 than there is"
    }
  }
}
