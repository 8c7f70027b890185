"""The file is read again every 200 ms, with a change each time."""

import os
import signal
import threading

from failure import Failure

INTERVAL = 0.2


class Reloading:
  def __init__(self, balancer):
    self.balancer = balancer
    self.before = 0
    self.stopping = threading.Event()
    self.thread = threading.Thread(target=self.run, daemon=True)

  def run(self):
    number = 0
    while not self.stopping.wait(INTERVAL):
      number += 1
      for pool in self.balancer.content["pools"].values():
        pool["queue"] = 1000 + number % 2
      self.balancer.write()
      os.kill(self.balancer.child.pid, signal.SIGHUP)

  def __enter__(self):
    self.before = self.balancer.reloads()
    self.thread.start()

  def __exit__(self, kind, *_):
    self.stopping.set()
    self.thread.join()
    if kind is None and self.balancer.reloads() == self.before:
      raise Failure("no new file was taken meanwhile")
