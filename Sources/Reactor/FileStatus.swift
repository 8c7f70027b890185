import Glibc

/// What tells one state of a file from the next (inode(7)): another file under the same name, other content, other rights.
public struct FileStamp: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64
  let size: Int64
  /// Nanoseconds, as fine as the file system keeps them.
  let modified: Int64
  let changed: Int64
}

/// What the kernel knows of a file (stat(2)). A symbolic link is what it leads to.
public struct FileStatus: Sendable {
  public let stamp: FileStamp
  public let size: Int
  /// Neither a folder nor a device nor a pipe.
  public let isRegular: Bool
  public let owner: UInt32
  public let group: UInt32
  public let groupMayRead: Bool
  public let othersMayRead: Bool

  public static func of(_ path: String) throws(SystemError) -> FileStatus {
    var raw = stat()
    if stat(path, &raw) != 0 { throw .last("stat") }
    return FileStatus(raw)
  }

  private init(_ raw: stat) {
    stamp = FileStamp(
      device: UInt64(raw.st_dev), inode: UInt64(raw.st_ino), size: Int64(raw.st_size),
      modified: Int64(raw.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(raw.st_mtim.tv_nsec),
      changed: Int64(raw.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(raw.st_ctim.tv_nsec))
    size = Int(raw.st_size)
    isRegular = raw.st_mode & S_IFMT == S_IFREG
    owner = raw.st_uid
    group = raw.st_gid
    groupMayRead = raw.st_mode & S_IRGRP != 0
    othersMayRead = raw.st_mode & S_IROTH != 0
  }

  fileprivate init(ofDescriptor number: Int32) throws(SystemError) {
    var raw = stat()
    if fstat(number, &raw) != 0 { throw .last("fstat") }
    self.init(raw)
  }
}

/// A file that is read, and what the kernel knew of it when it was opened.
public struct ReadableFile: ~Copyable {
  private let descriptor: Descriptor
  public let status: FileStatus

  /// Opens a file; a pipe without a writer or a device does not hold it up.
  public init(_ path: String) throws(SystemError) {
    let number = uninterrupted { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) }
    if number < 0 { throw .last("open") }
    let descriptor = Descriptor(adopting: number)
    status = try FileStatus(ofDescriptor: number)
    self.descriptor = descriptor
  }

  /// Fills the buffer as far as there is content.
  /// - Returns: the bytes that were read.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    var count = 0
    while count < buffer.count {
      let number = descriptor.number
      let start = buffer.baseAddress! + count
      let got = uninterrupted { Glibc.read(number, start, buffer.count - count) }
      if got < 0 { throw .last("read") }
      if got == 0 { break }
      count += got
    }
    return count
  }
}

/// A folder's content.
public enum Folder {
  /// The names in it, in any order, and the state that they were of.
  /// - Parameter most: more than that are not read.
  public static func names(
    of path: String, atMost most: Int
  ) throws(SystemError) -> (names: [String], status: FileStatus) {
    let number = uninterrupted { open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NONBLOCK) }
    if number < 0 { throw .last("open") }
    let status: FileStatus
    do throws(SystemError) { status = try FileStatus(ofDescriptor: number) } catch {
      _ = close(number)
      throw error
    }
    guard let stream = fdopendir(number) else {
      let error = SystemError.last("fdopendir")
      _ = close(number)
      throw error
    }
    defer { closedir(stream) }
    var names: [String] = []
    while names.count < most, let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return (names, status)
  }
}
