import Base

/// Bytes as a buffer, for the length of a call.
func lending<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
  try Array(text.utf8).withUnsafeBytes(body)
}

/// What a writer puts into a buffer of that many bytes.
func written(_ capacity: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> String {
  var buffer = [UInt8](repeating: 0x21, count: capacity)
  let count = buffer.withUnsafeMutableBytes(body)
  return String(decoding: buffer[..<count], as: UTF8.self)
}

func seconds(_ seconds: Int64) -> WallTime { WallTime(nanosecondsSinceEpoch: seconds * 1_000_000_000) }
