import COpenSSLMemory

/// The bytes that OpenSSL has allocated and not freed.
public enum OpenSSLMemory {
  /// What this thread has allocated, less what it has freed.
  public static var ofThisThread: Int { openssl_memory_of_this_thread() }
}
