import Base

/// A record as bytes in a ring: the facts, a length for each text, the texts. Only this process reads them.
extension AccessRecord {
  private static let factsSize = MemoryLayout<Facts>.stride
  private static let lengthsSize = 2 * textCount
  /// In a length: there is no text; there was more of it.
  private static let missing: UInt16 = 0xFFFF
  private static let cut: UInt16 = 0x8000

  /// Bytes of the largest record.
  static let largest = factsSize + lengthsSize + textCount * longestText

  private func withEachText(_ body: (AccessText) -> Void) {
    body(listener)
    body(pool)
    body(backend)
    body(method)
    body(target)
    body(host)
    body(referer)
    body(userAgent)
    body(user)
    body(requestID)
  }

  var encodedSize: Int {
    var size = Self.factsSize + Self.lengthsSize
    withEachText { size += $0.bytes.count }
    return size
  }

  /// - Parameter buffer: at least `encodedSize` bytes.
  func encode(to buffer: UnsafeMutableRawBufferPointer) {
    buffer.storeBytes(of: facts, as: Facts.self)
    var lengthOffset = Self.factsSize
    var offset = Self.factsSize + Self.lengthsSize
    withEachText { text in
      let length = text.isMissing ? Self.missing : UInt16(text.bytes.count) | (text.isCut ? Self.cut : 0)
      buffer.storeBytes(of: length, toByteOffset: lengthOffset, as: UInt16.self)
      lengthOffset += 2
      UnsafeMutableRawBufferPointer(rebasing: buffer[offset...]).copyMemory(from: text.bytes)
      offset += text.bytes.count
    }
  }

  /// Lends the texts of what `encode` wrote.
  init(decoding bytes: UnsafeRawBufferPointer) {
    self.init(bytes.loadUnaligned(as: Facts.self))
    var lengthOffset = Self.factsSize
    var offset = Self.factsSize + Self.lengthsSize
    func next() -> AccessText {
      let length = bytes.loadUnaligned(fromByteOffset: lengthOffset, as: UInt16.self)
      lengthOffset += 2
      if length == Self.missing { return .none }
      let count = Int(length & ~Self.cut)
      var text = AccessText(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
      text.isCut = length & Self.cut != 0
      offset += count
      return text
    }
    listener = next()
    pool = next()
    backend = next()
    method = next()
    target = next()
    host = next()
    referer = next()
    userAgent = next()
    user = next()
    requestID = next()
  }
}
