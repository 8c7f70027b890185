/// Bytes that stay where they are as long as this lives: lent to writers without a closure.
final class LastingBytes: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer

  init(_ bytes: some Collection<UInt8>) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    memory.copyBytes(from: bytes)
    self.bytes = UnsafeRawBufferPointer(memory)
  }

  deinit { bytes.deallocate() }
}
