"""What was checked and what became of it: a line each, as it happens."""

import contextlib
import signal
import time

from failure import Failure

# Of each log that belongs to a failure, in lines.
TAIL = 12


class Report:
  def __init__(self, seconds):
    self.passed = 0
    self.failed = 0
    self.deadline = time.monotonic() + seconds
    self.limits = []

  @contextlib.contextmanager
  def step(self, title, stage, limit, says_ok=True):
    """One check: what its block raises fails it, and so does running longer than `limit` seconds.

    Steps may be within each other; whichever limit comes first ends the innermost. A failure does not leave the block:
    the next check may still tell something.
    """
    begun = time.monotonic()
    self.limits.append(min(begun + limit, self.deadline))
    try:
      self.arm()
      yield
    except Exception as error:
      self.failed += 1
      reason = str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
      print(f"FAILED  {title}: {reason}\n{stage.tails(TAIL)}", flush=True)
    else:
      if says_ok:
        self.passed += 1
        print(f"ok      {title} ({time.monotonic() - begun:.1f} s)", flush=True)
    finally:
      self.limits.pop()
      self.arm()

  def arm(self):
    """Has the alarm raise a Failure at the earliest of the limits, in whatever the program waits for."""
    if not self.limits:
      signal.setitimer(signal.ITIMER_REAL, 0)
      return

    def expired(*_):
      raise Failure(f"not done in time ({'all checks' if late <= time.monotonic() else 'this one'})")

    late = self.deadline
    signal.signal(signal.SIGALRM, expired)
    # Once more and again: a `finally` that waits too is ended as well.
    signal.setitimer(signal.ITIMER_REAL, max(0.001, min(self.limits) - time.monotonic()), 5)
