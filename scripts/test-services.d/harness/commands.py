"""Programs that are run to their end, and loads that run beside a check."""

import subprocess

from failure import Failure
from processes import Child


def run(command, limit=15, input=None, statuses=(0,), **options):
  """The standard output, as bytes, of a command that has to succeed, or to end with another status of these."""
  command = [str(part) for part in command]
  try:
    done = subprocess.run(command, input=input, capture_output=True, timeout=limit, **options)
  except subprocess.TimeoutExpired:
    raise Failure(f"{command[0]} took longer than {limit} s") from None
  if done.returncode not in statuses:
    words = (done.stderr or done.stdout).decode(errors="replace")
    raise Failure(f"{command[0]} ended with status {done.returncode}: {words}")
  return done.stdout


class Load(Child):
  """A client program in the background, until the check is over; `end` waits for it and answers status and output."""

  def __init__(self, stage, name, command, **options):
    super().__init__(name, command, stage.folder, **options)
    stage.loads.append(self)

  def output(self):
    return self.log.read_text(errors="replace")

  def end(self, limit):
    try:
      return self.process.wait(limit), self.output()
    except subprocess.TimeoutExpired:
      raise Failure(f"{self.name} did not end within {limit} s: {self.last_words()}") from None


def expect(condition, reason):
  if not condition:
    raise Failure(reason)


def expect_equal(found, expected, what):
  if found != expected:
    raise Failure(f"{what}: {shortened(expected)} expected, found {shortened(found)}")


def shortened(value):
  text = repr(value)
  return text if len(text) <= 200 else f"{text[:200]}… ({len(value)} in all)"
