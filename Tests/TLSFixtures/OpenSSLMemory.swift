import COpenSSL
import Foundation

/// The bytes that OpenSSL has allocated and not freed.
public enum OpenSSLMemory {
  /// What this thread has allocated, less what it has freed.
  public static var ofThisThread: Int { counter.pointee }

  /// Must come before anything else that allocates with OpenSSL.
  public static let isCounted: Bool = {
    pthread_key_create(&key, nil)
    return CRYPTO_set_mem_functions(
      { size, _, _ in allocate(size) },
      { memory, size, _, _ in
        guard let memory else { return allocate(size) }
        let old = memory - header
        counter.pointee -= old.load(as: Int.self)
        guard let new = realloc(old, size + header) else { return nil }
        return counted(new, size)
      },
      { memory, _, _ in
        guard let memory else { return }
        counter.pointee -= (memory - header).load(as: Int.self)
        free(memory - header)
      }) == 1
  }()

  /// In front of each block stands its size; what is behind keeps its alignment.
  private static let header = 16

  private static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
    malloc(size + header).flatMap { counted($0, size) }
  }

  private static func counted(_ block: UnsafeMutableRawPointer, _ size: Int) -> UnsafeMutableRawPointer {
    block.storeBytes(of: size, as: Int.self)
    counter.pointee += size
    return block + header
  }

  nonisolated(unsafe) private static var key = pthread_key_t()

  private static var counter: UnsafeMutablePointer<Int> {
    if let known = pthread_getspecific(key) { return known.assumingMemoryBound(to: Int.self) }
    let new = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    new.initialize(to: 0)
    pthread_setspecific(key, new)
    return new
  }
}
