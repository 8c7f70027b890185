import TCPProxy

/// A PROXY header is read the same however it is cut: an answer that is final stays, whatever follows.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 0, count <= ProxyHeader.longest + 256 else { return 0 }
  let bytes = UnsafeRawBufferPointer(start: start, count: count)
  for accepted in ProxyHeader.Accepted.allCases {
    let whole = ProxyHeader.parse(bytes, accepting: accepted)
    if case .header(let header) = whole { precondition(header.length <= count && header.length <= ProxyHeader.longest) }
    for end in stride(from: 0, to: count, by: max(count / 64, 1)) {
      switch ProxyHeader.parse(UnsafeRawBufferPointer(rebasing: bytes[..<end]), accepting: accepted) {
      case .needMore(let minimum): precondition(minimum > end, "it waits for what is there")
      case .header(let header): precondition(whole == .header(header), "what follows changes the header")
      case .malformed:
        if case .malformed = whole { continue }
        fatalError("what follows mends the header")
      }
    }
  }
  return 0
}
