import Base
import Glibc
import Reactor
import Synchronization
import TLS

/// The files that something was built from, as they were: so that it can be told whether to build it again.
struct FileRecord: Sendable {
  struct Entry: Equatable, Sendable {
    /// nil: there was no such file.
    let stamp: FileStamp?
    /// Of the content; 0 where there was none.
    let hash: UInt64
  }

  fileprivate(set) var entries: [String: Entry] = [:]

  /// All of them, in the order in which they are looked at.
  var paths: [String] { entries.keys.sorted() }

  /// Whether a file is as it was.
  func isCurrent(_ path: String) -> Bool { entries[path]?.stamp == Self.stamp(of: path) }

  /// Whether all are as they were, by what the kernel knows of them.
  var isCurrent: Bool { entries.keys.allSatisfy(isCurrent) }

  /// What the kernel knows of them now.
  var stamps: [String: FileStamp?] { Dictionary(uniqueKeysWithValues: entries.keys.map { ($0, Self.stamp(of: $0)) }) }

  /// The same files as they are now, whatever they hold.
  var again: FileRecord {
    var record = FileRecord()
    for (path, entry) in entries { record.entries[path] = Entry(stamp: Self.stamp(of: path), hash: entry.hash) }
    return record
  }

  /// The same files with the same content, however often they were written.
  func hasSameContent(as other: FileRecord) -> Bool { entries.mapValues(\.hash) == other.entries.mapValues(\.hash) }

  private static func stamp(of path: String) -> FileStamp? {
    do throws(SystemError) { return try FileStatus.of(path).stamp } catch { return nil }
  }
}

/// Reads the files of a configuration from the disk, and keeps in mind what it has read.
final class RecordingDisk: Sendable {
  /// Certificates and keys of one folder, and some that are neither.
  private static let mostNames = 500_000

  private let entries = Mutex<FileRecord>(FileRecord())

  var record: FileRecord { entries.withLock { $0 } }

  var files: TLSFiles {
    TLSFiles(
      read: { path throws(TLSFiles.Unreadable) in try self.read(path) },
      names: { folder throws(TLSFiles.Unreadable) in try self.names(folder) })
  }

  private func note(_ path: String, _ stamp: FileStamp?, hash: UInt64 = 0) {
    entries.withLock { $0.entries[path] = FileRecord.Entry(stamp: stamp, hash: hash) }
  }

  func read(_ path: String) throws(TLSFiles.Unreadable) -> TLSFile {
    let file = try open(path)
    let status = file.status
    var fault: String?
    if !status.isRegular { fault = "it is no regular file" }
    if status.size > TLSFile.largest { fault = "it is larger than \(ByteSize(bytes: TLSFile.largest).written)" }
    if let fault {
      note(path, status.stamp)
      throw TLSFiles.Unreadable(fault)
    }
    var hash: UInt64 = 0
    let content = TLSFile(path: path, exposure: Self.exposure(status), size: status.size) { buffer in
      do throws(SystemError) {
        if try file.read(into: buffer) < buffer.count { fault = "it became shorter while it was read" }
      } catch {
        fault = "\(error)"
      }
      hash = StableHash.of(bytes: UnsafeRawBufferPointer(buffer), seed: 1)
    }
    note(path, status.stamp, hash: hash)
    if let fault { throw TLSFiles.Unreadable(fault) }
    return content
  }

  private func open(_ path: String) throws(TLSFiles.Unreadable) -> ReadableFile {
    do throws(SystemError) { return try ReadableFile(path) } catch {
      note(path, nil)
      throw TLSFiles.Unreadable("\(error)", isMissing: error.number == ENOENT || error.number == ENOTDIR)
    }
  }

  private func names(_ folder: String) throws(TLSFiles.Unreadable) -> [String] {
    do throws(SystemError) {
      let (names, status) = try Folder.names(of: folder, atMost: Self.mostNames)
      note(folder, status.stamp, hash: StableHash.of(names.sorted().joined(separator: "/"), seed: 1))
      return names
    } catch {
      note(folder, nil)
      throw TLSFiles.Unreadable("\(error)", isMissing: error.number == ENOENT)
    }
  }

  /// Who besides root and this process may read a file.
  private static func exposure(_ status: FileStatus) -> String? {
    if status.othersMayRead { return "everyone" }
    if status.groupMayRead, status.group != 0, status.group != getegid() { return "the group \(status.group)" }
    if status.owner != 0, status.owner != geteuid() { return "the user \(status.owner)" }
    return nil
  }
}
