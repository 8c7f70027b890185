import HTTPCore

/// A path in normal form stays as it is, and has nothing in it that could lead elsewhere.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 0, count <= 4096 else { return 0 }
  let bytes = UnsafeRawBufferPointer(start: start, count: count)
  for encodedSlash in [PathNormalizer.EncodedSlash.refuse, .keep] {
    let path = normalize(bytes, encodedSlash)
    guard let path else { continue }
    precondition(path.withUnsafeBytes { normalize($0, encodedSlash) } == path, "normalizing again changes it")
    precondition(path.first == UInt8(ascii: "/"))

    // As the most forgiving of servers would read it.
    var read: [UInt8] = []
    var index = 0
    while index < path.count {
      precondition(path[index] > 0x20 && path[index] < 0x7F && path[index] != UInt8(ascii: "\\"))
      if path[index] == UInt8(ascii: "%") {
        let value = hex(path[index + 1]) << 4 | hex(path[index + 2])
        precondition(value != 0)
        read.append(value == UInt8(ascii: "\\") ? UInt8(ascii: "/") : value)
        index += 3
      } else {
        read.append(path[index])
        index += 1
      }
    }
    let segments = read.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
    for (place, segment) in segments.enumerated() {
      precondition(!segment.isEmpty || place == segments.count - 1, "an empty segment")
      let name = segment.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)[0]
      precondition(!name.elementsEqual([0x2E]) && !name.elementsEqual([0x2E, 0x2E]), "a dot segment")
    }
  }
  return 0
}

private func normalize(_ path: UnsafeRawBufferPointer, _ encodedSlash: PathNormalizer.EncodedSlash) -> [UInt8]? {
  withUnsafeTemporaryAllocation(byteCount: PathNormalizer.room(for: path), alignment: 1) { room in
    switch PathNormalizer.normalize(path, encodedSlash: encodedSlash, into: room) {
    case .unchanged: return Array(path)
    case .normalized(let count): return Array(room[..<count])
    case .needsRoom: fatalError("the room always suffices")
    case .refused: return nil
    }
  }
}

private func hex(_ digit: UInt8) -> UInt8 {
  switch digit {
  case 0x30...0x39: digit - 0x30
  case 0x41...0x46: digit - 0x37
  default: fatalError("escapes are in upper case")
  }
}
