"""balancer itself: its file, its life, and what its log says of health."""

import json
import os
import signal
import subprocess
import time

from failure import Failure
from processes import Child

# Levels that a run without a fault has no line of; a backend that goes down is a warning.
BAD_LEVELS = ("error", "critical")


class Balancer:
  def __init__(self, stage, name, backends, health, listener, pool, more):
    """`more` has further sections of the file, and parts of those that there are."""
    self.stage = stage
    self.name = name
    self.port = stage.ports.next()
    self.file = stage.folder / f"{name}.json"
    self.content = {
      "listeners": {"service": {"listen": f"127.0.0.1:{self.port}", "pool": "service", **listener}},
      "pools": {"service": {"backends": backends, "health": {**stage.HEALTH, **health}, **pool}},
      "admin": "off",
      "log": {"format": "json"},
      "shutdown": {"drain": "2s"},
    }
    for section, keys in more.items():
      former = self.content.get(section)
      self.content[section] = {**former, **keys} if isinstance(former, dict) else keys
    self.backends = backends
    self.child = None
    self.has_ended = False

  def start(self):
    self.write()
    self.child = Child(self.name, [self.stage.binary, "run", "--config", self.file], self.stage.folder)
    self.child.await_listening(self.port)
    for backend in self.backends:
      self.await_health(backend["name"], "up")

  def write(self):
    # At one blow: it may just be reading the former one.
    new = self.file.with_suffix(".new")
    new.write_text(json.dumps(self.content, indent=2))
    new.replace(self.file)

  def lines(self):
    """What it has logged so far, as objects; whatever is none, such as a crash's own words, is a failure."""
    found = []
    # The last piece is empty, or a line that is still being written.
    for line in self.child.log.read_text().split("\n")[:-1]:
      try:
        found.append(json.loads(line))
      except ValueError:
        raise Failure(f"balancer wrote what is no line of its log: {line!r}") from None
    return found

  def health(self, backend, verdict):
    """The events in which a backend went up or down."""
    return [line for line in self.lines()
            if line.get("event") == "health" and line["backend"] == backend and line["to"] == verdict]

  def await_health(self, backend, verdict, times=1, limit=10):
    """Waits until a backend has gone up or down so often, and answers the event."""
    deadline = time.monotonic() + limit
    while len(found := self.health(backend, verdict)) < times:
      self.child.check_running()
      if time.monotonic() > deadline:
        raise Failure(f"{backend} did not go {verdict} within {limit} s")
      time.sleep(0.02)
    return found[times - 1]

  def reload(self, limit=10):
    """Writes the file as it is now and waits until it is taken."""
    before = self.reloads()
    self.write()
    os.kill(self.child.pid, signal.SIGHUP)
    deadline = time.monotonic() + limit
    while self.reloads() == before:
      self.child.check_running()
      if time.monotonic() > deadline:
        raise Failure(f"the new file was not taken within {limit} s")
      time.sleep(0.02)

  def reloads(self):
    return sum(" is in force: " in line.get("message", "") for line in self.lines())

  def check_running(self):
    if not self.has_ended:
      self.child.check_running()

  def begin_to_end(self):
    self.child.check_running()
    os.kill(self.child.pid, signal.SIGTERM)

  def await_end(self, limit=10):
    """It has to end with status 0 and without a line of an error."""
    try:
      status = self.child.process.wait(limit)
    except subprocess.TimeoutExpired:
      raise Failure(f"it did not end within {limit} s") from None
    self.has_ended = True
    if status != 0:
      raise Failure(f"it ended with status {status}")
    if bad := [line for line in self.lines() if line["level"] in BAD_LEVELS]:
      raise Failure(f"it logged {json.dumps(bad[0])}")

  def end(self):
    self.begin_to_end()
    self.await_end()

  def clean_up(self):
    if self.child:
      self.child.kill()
