"""A terminal for programs that draw on one: a window of tmux, which is asked what it shows."""

import os
import socket
import subprocess
import time

import packages
from commands import run
from failure import Failure
from processes import Child

NEEDS = {"tmux": "tmux"}


class Screen(Child):
  """One window with a program in it, of a tmux that nobody else uses."""

  def __init__(self, stage, name, columns, rows, command, **variables):
    self.socket = stage.folder / f"{name}.tmux"
    self.environment = {"PATH": os.environ["PATH"], "HOME": str(stage.folder), "LANG": "C.UTF-8", **variables}
    super().__init__(
      name, [packages.find("tmux"), "-D", "-u", "-S", self.socket, "-f", "/dev/null"], stage.folder,
      cwd=stage.folder, env=self.environment)
    stage.loads.append(self)
    deadline = time.monotonic() + 10
    while not self.is_listening():
      self.check_running()
      if time.monotonic() > deadline:
        raise Failure("tmux did not start within 10 s")
      time.sleep(0.01)
    self.tmux("set-option", "-g", "remain-on-exit", "on")
    # A program of ours that is alone in its window gets all keys at once.
    self.tmux("set-option", "-s", "escape-time", 0)
    self.tmux("new-session", "-d", "-c", stage.folder, "-x", columns, "-y", rows, *command)

  def is_listening(self):
    with socket.socket(socket.AF_UNIX) as probe:
      return probe.connect_ex(str(self.socket)) == 0

  def tmux(self, *words):
    # A window has the PATH of the client that opens it, and all else of the server's.
    return run([packages.find("tmux"), "-u", "-S", self.socket, *words], env=self.environment)

  def press(self, *keys):
    """Keys by tmux's names: `Enter`, `Down`, `C-c`, or letters."""
    self.tmux("send-keys", *keys)

  def type(self, text):
    self.tmux("send-keys", "-l", text)

  def resize(self, columns, rows):
    self.tmux("resize-window", "-x", columns, "-y", rows)

  def lines(self, looks=False):
    """What it shows, without blanks at the ends of lines; with escape sequences where looks are wanted."""
    options = ["-e"] if looks else []
    return self.tmux("capture-pane", "-p", *options).decode().split("\n")[:-1]

  def wait(self, what, condition, limit=10):
    """Waits until the lines are as they should be, and answers what the condition answered."""
    deadline = time.monotonic() + limit
    while not (found := condition(lines := self.lines())):
      if time.monotonic() > deadline:
        shown = "\n".join(lines).rstrip()
        raise Failure(f"the screen did not show {what} within {limit} s; it shows:\n{shown}")
      time.sleep(0.02)
    return found

  def wait_for_line(self, beginning, *parts, limit=10):
    """Waits for a line that begins so and has these parts, and answers it."""
    def look(lines):
      return next((line for line in lines if line.startswith(beginning) and all(part in line for part in parts)), None)
    return self.wait(f"{beginning!r} with {parts}", look, limit)

  def kill(self):
    try:
      subprocess.run(
        [packages.find("tmux"), "-S", self.socket, "kill-server"], capture_output=True, timeout=5, check=False)
      self.process.wait(5)
    except subprocess.TimeoutExpired:
      pass
    super().kill()
