import CLinux
import Glibc

/// The process that started this one.
public enum ParentProcess {
  /// Ends this process when its parent is gone, however that ended (PR_SET_PDEATHSIG, prctl(2)).
  public static func endWithIt() { _ = linux_die_with_parent(SIGTERM) }
}
