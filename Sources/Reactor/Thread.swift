import CLinux
import Glibc

/// A thread with a name that `top -H` shows (pthread_setname_np(3): at most 15 bytes).
public struct Thread: Sendable {
  private let identifier: pthread_t

  /// Starts `body` on a new thread.
  public init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let start = Start(name: String(name.utf8.prefix(15)) ?? "balancer", body: body)
    let argument = Unmanaged.passRetained(start).toOpaque()
    var identifier = pthread_t()
    let error = pthread_create(
      &identifier, nil,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        linux_name_this_thread(start.name)
        start.body()
        return nil
      }, argument)
    if error != 0 {
      Unmanaged<Start>.fromOpaque(argument).release()
      throw SystemError("pthread_create", error)
    }
    self.identifier = identifier
  }

  /// Waits until it has ended. Once at most.
  public func join() { pthread_join(identifier, nil) }

  /// Nobody will wait for it: what is left of it goes when it ends. Instead of `join`.
  public func detach() { pthread_detach(identifier) }

  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}
