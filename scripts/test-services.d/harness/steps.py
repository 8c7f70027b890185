"""How far a client is, for a server in this process to go on: so it is known what was there before what."""

import threading

from commands import expect

# In seconds, for one step.
PATIENCE = 10


class Steps:
  def __init__(self):
    self.condition = threading.Condition()
    self.count = self.waiting = 0

  def begin(self):
    with self.condition:
      self.count = self.waiting = 0

  def next(self):
    with self.condition:
      self.count += 1
      self.condition.notify_all()

  def wait(self, count):
    with self.condition:
      self.waiting += 1
      self.condition.notify_all()
      self.condition.wait_for(lambda: self.count >= count, PATIENCE)

  def await_waiting(self, count):
    with self.condition:
      expect(self.condition.wait_for(lambda: self.waiting >= count, PATIENCE), f"{self.waiting} of {count} have come")
