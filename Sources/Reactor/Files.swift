import Glibc

extension Descriptor {
  /// A file that is appended to, made if it is not there.
  /// - Parameter isSecret: only its owner may read it, even if others could before.
  public static func appending(to path: String, isSecret: Bool = false) throws(SystemError) -> Descriptor {
    let number = uninterrupted { open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, isSecret ? 0o600 : 0o640) }
    if number < 0 { throw .last("open") }
    let file = Descriptor(adopting: number)
    if isSecret, fchmod(number, 0o600) != 0 { throw .last("fchmod") }
    return file
  }

  /// A descriptor of its own for standard error.
  public static func standardError() throws(SystemError) -> Descriptor {
    let standard = Descriptor(adopting: 2)
    let copy: Result<Int32, SystemError>
    do throws(SystemError) { copy = .success(try standard.duplicate().release()) } catch { copy = .failure(error) }
    _ = standard.release()
    return Descriptor(adopting: try copy.get())
  }

  /// All bytes of a file, or nil when it holds more than `limit`.
  public static func contents(of path: String, limit: Int) throws(SystemError) -> [UInt8]? {
    let number = uninterrupted { open(path, O_RDONLY | O_CLOEXEC) }
    if number < 0 { throw .last("open") }
    let file = Descriptor(adopting: number)
    var bytes: [UInt8] = []
    while true {
      let part = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
        count = max(-1, uninterrupted { read(file.number, buffer.baseAddress, buffer.count) })
        if count < 0 { count = 0 }
      }
      if part.isEmpty { return bytes }
      bytes += part
      if bytes.count > limit { return nil }
    }
  }
}
