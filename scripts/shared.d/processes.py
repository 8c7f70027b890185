"""Child processes that cannot outlive the script that started them."""

import ctypes
import os
import signal
import subprocess
import time

from failure import Failure
from ports import is_listening

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Child:
  """A running program; leaving its `with` block kills it and whatever it has started in its session.

  It runs on one processor where that is given, and its output goes into `log`, behind that of the former child of this
  name where `append` is set. Further options are those of subprocess.Popen.
  """

  def __init__(self, name, arguments, folder, processor=None, append=False, **options):
    self.name = name
    self.log = folder / f"{name}.log"

    def before_exec():
      if processor is not None:
        os.sched_setaffinity(0, {processor})
      # Also when this script is killed in a way that runs no clean-up.
      LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    with open(self.log, "ab" if append else "wb") as output:
      self.process = subprocess.Popen(
        [str(argument) for argument in arguments],
        **{"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT, **options},
        start_new_session=True, preexec_fn=before_exec)
    self.pid = self.process.pid

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.kill()

  def kill(self):
    if self.process.poll() is None:
      os.killpg(self.pid, signal.SIGKILL)
      self.process.wait()

  def check_running(self):
    status = self.process.poll()
    if status is not None:
      raise Failure(f"{self.name} ended with status {status}: {self.last_words()}")

  def await_listening(self, port, limit=10):
    """Waits until the port is listened on, without connecting: a proxy at rest is to have seen no client."""
    deadline = time.monotonic() + limit
    while not is_listening(port):
      self.check_running()
      if time.monotonic() > deadline:
        raise Failure(f"{self.name} did not listen on port {port} within {limit} s: {self.last_words()}")
      time.sleep(0.01)

  def await_end(self, limit):
    """Waits for the program to finish by itself and answers its output."""
    try:
      status = self.process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
      raise Failure(f"{self.name} did not end within {limit} s: {self.last_words()}") from None
    if status != 0:
      raise Failure(f"{self.name} ended with status {status}: {self.last_words()}")
    return self.log.read_text(errors="replace")

  def last_words(self):
    lines = self.log.read_text(errors="replace").strip().splitlines()
    return " / ".join(lines[-5:]) or "it printed nothing"
