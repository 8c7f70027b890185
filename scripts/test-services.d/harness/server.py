"""A server behind balancer, which can be stopped and started again."""

import contextlib
import os
import signal
import subprocess

from failure import Failure
from leftovers import kill_tree
from processes import Child


class Server:
  def __init__(self, stage, name, port, command, stop=signal.SIGTERM, **options):
    self.stage = stage
    self.name = name
    self.port = port
    self.command = command
    self.stop_signal = stop
    self.options = options
    self.child = None

  @property
  def pid(self):
    return self.child.pid

  @property
  def log(self):
    return self.child.log

  def start(self):
    self.child = Child(self.name, self.command, self.stage.folder, append=True, **self.options)
    self.child.await_listening(self.port)

  def begin_to_stop(self):
    if self.child and self.child.process.poll() is None:
      os.kill(self.pid, self.stop_signal)

  def stop(self, limit=10):
    """In order, as the service's own manager would."""
    self.begin_to_stop()
    try:
      self.child.process.wait(limit)
    except subprocess.TimeoutExpired:
      raise Failure(f"{self.name} did not stop within {limit} s: {self.child.last_words()}") from None

  def kill(self):
    """At one blow, with its children."""
    if self.child.process.poll() is None:
      kill_tree(self.pid)
      self.child.process.wait()

  def clean_up(self):
    """In order where it is quick: some leave shared memory behind when they are killed."""
    if self.child:
      with contextlib.suppress(subprocess.TimeoutExpired):
        self.child.process.wait(3)
      self.kill()
