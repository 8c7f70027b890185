/// The first line of a request (RFC 9112, 3), without its end.
struct RequestLine {
  let method: Method
  let methodName: ByteRange
  let target: RequestTarget
  let version: Version

  @inline(__always)
  static func parse(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) throws(MessageFault) -> RequestLine {
    var index = start
    while index < end, ByteSet.token.contains(bytes[index]) { index &+= 1 }
    guard index > start else { throw .badMethod }
    guard index < end else { throw .badRequestLine }
    guard bytes[index] == Byte.space else { throw .badMethod }
    let methodName = ByteRange(start, index)
    let method = Method(bytes[methodName])

    // The version and the blank before it are the last nine bytes. What lies between is the target, which has no blank.
    let targetEnd = end &- 9
    guard targetEnd > index, bytes[targetEnd] == Byte.space else { throw .badVersion }
    let version: Version
    switch Version.parse(bytes[ByteRange(targetEnd &+ 1, end)]) {
    case .version(let read): version = read
    case .fault(let fault): throw fault
    }
    let whole = ByteRange(index &+ 1, targetEnd)
    for byte in bytes[whole] where byte == Byte.space { throw .badRequestLine }
    let target = try RequestTarget.parse(bytes, whole, method: method)
    return RequestLine(method: method, methodName: methodName, target: target, version: version)
  }

  private init(method: Method, methodName: ByteRange, target: RequestTarget, version: Version) {
    self.method = method
    self.methodName = methodName
    self.target = target
    self.version = version
  }
}
