"""Processes that outlive whoever started them."""

import contextlib
import os
import signal
import time
from pathlib import Path

from processes import LIBC

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
  """Makes this process the parent of descendants whose own parent has died (prctl(2))."""
  LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)


def kill_descendants(limit=10):
  """Kills whatever still runs below this process, orphans included, and waits for its end."""
  deadline = time.monotonic() + limit
  while (children := children_of(os.getpid())) and time.monotonic() < deadline:
    for child in children:
      with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
      while os.waitpid(-1, os.WNOHANG)[0]:
        pass
    time.sleep(0.01)


def kill_tree(pid):
  """Kills a process and all below it at one blow, as if their machine had lost its power."""
  family = [pid]
  for each in family:
    # Stopped first, or one could start another in the meantime.
    with contextlib.suppress(ProcessLookupError):
      os.kill(each, signal.SIGSTOP)
    family += children_of(each)
  for each in family:
    with contextlib.suppress(ProcessLookupError):
      os.kill(each, signal.SIGKILL)


def children_of(pid):
  found = []
  with contextlib.suppress(OSError):
    for thread in Path(f"/proc/{pid}/task").iterdir():
      with contextlib.suppress(OSError):
        found += map(int, (thread / "children").read_text().split())
  return found
