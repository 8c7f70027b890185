import CLinux
import Glibc
import Synchronization

/// Messages from other threads to one event loop, which sleeps on `descriptor` (eventfd(2)).
///
/// Posting wakes the loop once, however many messages wait. Senders are the program's own threads, each of which has
/// a bounded number of things to say, so the queue needs no limit of its own.
public final class Mailbox<Message: Sendable>: Sendable {
  private let waker: Descriptor
  private let messages = Mutex<[Message]>([])

  public init() throws(SystemError) {
    let number = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    if number < 0 { throw .last("eventfd") }
    waker = Descriptor(adopting: number)
  }

  /// Readable while messages wait: watch it level-triggered and call `take`.
  public var descriptor: Int32 { waker.number }

  public func post(_ message: Message) {
    let wasEmpty = messages.withLock { messages in
      messages.append(message)
      return messages.count == 1
    }
    if wasEmpty { eventfd_write(waker.number, 1) }
  }

  /// All messages so far, in the order of their posting.
  public func take() -> [Message] {
    var count: eventfd_t = 0
    eventfd_read(waker.number, &count)
    return messages.withLock { messages in
      let taken = messages
      messages = []
      return taken
    }
  }
}
