import HTTPCore

/// The first byte chooses the method that is answered and the client's version; the rest is the response. It is judged
/// the same however it is cut, and what is written of it for a client is a response again that ends where it should.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 1 else { return 0 }
  let method = Method(rawValue: start[0] & 7) ?? .get
  let clientVersion: Version = start[0] & 0x80 == 0 ? .http11 : .http10
  let bytes = UnsafeRawBufferPointer(start: start + 1, count: count - 1)
  let limits = HeadLimits(bytes: 2048, fields: 20)
  var progress = HeadProgress()
  var fields = FieldTable(capacity: 8)
  let answer = ResponseHead.parse(bytes, answering: method, limits: limits, progress: &progress, into: &fields)

  var pieces = FieldTable(capacity: 8)
  var inPieces = HeadProgress()
  var end = 0
  var last = ResponseHead.Answer.needMore
  while end < bytes.count, last == .needMore {
    end = min(end + Int(start[0] >> 3 & 15) + 1, bytes.count)
    last = ResponseHead.parse(
      UnsafeRawBufferPointer(rebasing: bytes[..<end]), answering: method, limits: limits, progress: &inPieces,
      into: &pieces)
  }
  precondition(last == answer, "the cut decides")

  guard case .head(let head) = answer else { return 0 }
  withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { room in
    for coding in [nil, "gzip"] as [StaticString?] {
      var rewrite = ResponseRewrite()
      rewrite.clientVersion = clientVersion
      rewrite.contentCoding = coding
      guard case .written(let length) = ResponseWriter.write(head, fields, of: bytes, rewrite: rewrite, into: room)
      else { fatalError("a head grows little") }
      var again = HeadProgress()
      var table = FieldTable(capacity: 8)
      let written = UnsafeRawBufferPointer(rebasing: room[..<length])
      guard
        case .head(let sent) = ResponseHead.parse(
          written, answering: method, limits: HeadLimits(), progress: &again, into: &table)
      else { fatalError("what was written cannot be read") }
      precondition(sent.length == length, "a response was hidden in it")
      precondition(sent.status == head.status)
      precondition(sent.framing == head.framing(towards: clientVersion, isRecoded: coding != nil))
      precondition(sent.keepsAlive || sent.framing == .untilClose || sent.framing == .tunnel)
    }
  }
  return 0
}
