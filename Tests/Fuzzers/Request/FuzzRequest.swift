import HTTPCore

/// A request is judged the same however it is cut; and what is written of it for a backend, as a stranger's and as
/// a trusted peer's, is a request again, as long and of the same kind as what was read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 0 else { return 0 }
  let bytes = UnsafeRawBufferPointer(start: start, count: count)
  let limits = HeadLimits(bytes: 2048, fields: 20, line: 512)
  var progress = HeadProgress()
  var fields = FieldTable(capacity: 8)
  let answer = RequestHead.parse(bytes, limits: limits, progress: &progress, into: &fields)

  // In two pieces, and in as many as the first byte says.
  for step in [max(count / 2, 1), Int(bytes[0] & 15) + 1] {
    var pieces = FieldTable(capacity: 8)
    var inPieces = HeadProgress()
    var end = 0
    var last = RequestHead.Answer.needMore
    while end < count, last == .needMore {
      end = min(end + step, count)
      last = RequestHead.parse(
        UnsafeRawBufferPointer(rebasing: bytes[..<end]), limits: limits, progress: &inPieces, into: &pieces)
    }
    precondition(last == answer, "the cut decides")
    guard case .head = answer else { continue }
    precondition(pieces.count == fields.count, "the cut decides about fields")
    for index in 0..<fields.count { precondition(pieces[index] == fields[index], "the cut decides about a field") }
  }

  guard case .head(let head) = answer else { return 0 }
  precondition(head.length <= count && head.length <= limits.bytes)
  // A request without a host gets one from the pool, and so here.
  let host: StaticString = "backend.example"
  withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { room in
    for trusts in [false, true] {
      var rewrite = RequestRewrite()
      rewrite.forwarding = Forwarding(style: [.xForwarded, .forwarded], trustsPeer: trusts, port: 80)
      if head.authority == nil {
        rewrite.host = UnsafeRawBufferPointer(start: host.utf8Start, count: host.utf8CodeUnitCount)
      }
      guard case .written(let length) = RequestWriter.write(head, fields, of: bytes, rewrite: rewrite, into: room)
      else {
        fatalError("a head grows little")
      }
      var again = HeadProgress()
      var table = FieldTable(capacity: 8)
      let written = UnsafeRawBufferPointer(rebasing: room[..<length])
      guard case .head(let sent) = RequestHead.parse(written, limits: HeadLimits(), progress: &again, into: &table)
      else { fatalError("what was written cannot be read") }
      precondition(sent.length == length, "a request was hidden in it")
      precondition(sent.method == head.method && sent.framing == head.framing && sent.version == .http11)
      precondition(sent.keepsAlive && sent.expectsContinue == head.expectsContinue)
      precondition((sent.upgrade == .none) == (head.upgrade == .none))
      for index in 0..<table.count where table[index].handling.contains(.impostor) {
        fatalError("an impostor got through")
      }
      for needed in [0, length / 2, length - 1] {
        let small = UnsafeMutableRawBufferPointer(rebasing: room[..<needed])
        precondition(
          RequestWriter.write(head, fields, of: bytes, rewrite: rewrite, into: small) == .needsRoom(length))
      }
    }
  }
  return 0
}
