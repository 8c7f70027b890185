"""wrk: as many HTTP requests as a number of connections can carry, each sent when the answer before it has come."""

import json
from pathlib import Path

import packages

SCRIPT = Path(__file__).with_name("wrk.lua")


def command(url, connections, seconds, new_connection=False, asking=()):
  """asking: the arguments of wrk.lua."""
  header = ["-H", "Connection: close"] if new_connection else []
  return [
    packages.find("wrk"), "--threads", 1, "--connections", connections, "--duration", f"{seconds}s", "--timeout", "10s",
    "--script", SCRIPT, *header, url, *(["--", *asking] if asking else [])]


def report(output):
  """Requests, p99 in microseconds, and the failures by kind: connect, read, write, status, timeout."""
  return json.loads(output.strip().splitlines()[-1])
