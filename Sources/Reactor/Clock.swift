import Base
import CLinux
import Glibc

/// The clocks of the system (clock_gettime(2)). Only the shells around the pure parts read them.
public enum Clock {
  /// CLOCK_MONOTONIC, to the nanosecond.
  public static var now: Instant { Instant(nanoseconds: read(CLOCK_MONOTONIC)) }

  /// CLOCK_MONOTONIC as of the last tick (1 to 10 ms old): a few nanoseconds to read.
  public static var recent: Instant { Instant(nanoseconds: read(CLOCK_MONOTONIC_COARSE)) }

  /// Nanoseconds since 1970-01-01T00:00:00Z.
  public static var wallNanoseconds: Int64 { Int64(read(CLOCK_REALTIME)) }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}
