import TLS

/// One side of a session that speaks TLS: the engine beside its socket.
///
/// A session at rest keeps no byte here. What a side does not take waits in the spill of the flow towards it, as
/// ciphertext; what came before it could be used waits in `early`.
struct TLSSide: ~Copyable {
  var engine: TLSEngine
  /// What came right behind the handshake, until there is somebody to send it to.
  var early = Spill()
  /// Bytes in the spill towards this side that are no data but the engine's own words.
  var owed = 0
  /// Our ClientHello is on its way to it.
  var hasBegun = false
  /// It has said something.
  var hasSpoken = false
  /// It waits for its turn: see `HandshakeTurns`.
  var awaitsTurn = false
  /// It is not read until it has taken what is owed.
  var isMuted = false
  /// Its close_notify has come.
  var hasEnded = false
  /// Our close_notify is on its way: no data follows.
  var isClosing = false
  /// The socket was told as well that no more follows.
  var isFinished = false
  /// The kernel encrypts what goes to it: what is sent, and what is in the spill, is plaintext.
  var isKernelSending = false
  /// Our close_notify waits until the kernel can take it.
  var owesClose = false
  /// With so many bytes sent to it, the kernel is asked to encrypt from there on.
  var handOverAt = Int.max

  /// What OpenSSL keeps for a connection at rest, as it counts for `limits.memory` (measured: 13.5 KiB).
  static let openSSLMemory = 16 << 10

  /// The most that an engine may owe to a side which does not read.
  static let mostOwed = 4096

  /// What the kernel encrypts is one copy less, but to get there costs two system calls: worth it for who goes on.
  static let bulk = 1 << 20

  /// - Parameter kernel: this machine has kernel TLS.
  init(_ engine: consuming TLSEngine, kernel: Bool) {
    self.engine = engine
    if kernel {
      self.engine.keepSendKeys()
      handOverAt = Self.bulk
    }
  }

  /// Bytes of memory that it takes.
  var memory: Int { Self.openSSLMemory + early.size }
}

/// A place for a value that few need, which then has memory of its own: one word while it is empty.
struct Box<Value: ~Copyable>: ~Copyable {
  /// Valid as long as the value is in here; nil while it is empty.
  let pointer: UnsafeMutablePointer<Value>?

  init() { pointer = nil }

  init(_ value: consuming Value) {
    let pointer = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    pointer.initialize(to: value)
    self.pointer = pointer
  }

  @inline(__always)
  var isEmpty: Bool { pointer == nil }

  deinit {
    pointer?.deinitialize(count: 1)
    pointer?.deallocate()
  }
}

/// Where a worker decrypts and encrypts, for all of its sessions in turn. The system gives the memory with the first use.
struct TLSBuffers: ~Copyable {
  private let memory: UnsafeMutableRawBufferPointer
  /// What engines have to send.
  let output: UnsafeMutableRawBufferPointer
  let line = TLSLine()

  static let inputSize = Int(Flow.largestReadSize)

  init() {
    let most = TLSEngine.inPlaceOffset + Self.inputSize
    memory = .allocate(byteCount: most, alignment: 4096)
    output = .allocate(byteCount: TLSEngine.outputSize(for: most), alignment: 4096)
  }

  deinit {
    memory.deallocate()
    output.deallocate()
  }

  /// Where ciphertext comes in.
  @inline(__always)
  var input: UnsafeMutableRawPointer { memory.baseAddress.unsafelyUnwrapped + TLSEngine.inPlaceOffset }

  @inline(__always)
  func received(_ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: input, count: count) }

  /// Where the plaintext of so many bytes goes: over what has been read of them.
  @inline(__always)
  func plain(of count: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: memory.baseAddress, count: TLSEngine.inPlaceOffset + count)
  }
}
