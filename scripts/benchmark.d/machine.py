"""The machine under the benchmark: its processors, descriptor limit and the words that describe it."""

import os
import platform
import resource
from pathlib import Path

from failure import Failure

# A proxy holds two descriptors for each of the idle sessions, and some of its own.
DESCRIPTORS = 12_000


def processors():
  """The processor of the proxy and the one of everything else."""
  mine = sorted(os.sched_getaffinity(0))
  if len(mine) < 2:
    raise Failure("two processors are needed: one for the proxy, one for load and backend")
  return mine[0], mine[1]


def raise_descriptor_limit():
  """Children inherit the limit."""
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
    if os.geteuid() != 0:
      raise Failure(f"{DESCRIPTORS} open files are needed and the hard limit is {hard}; see ulimit -Hn")
    hard = DESCRIPTORS
  if soft == resource.RLIM_INFINITY or soft < DESCRIPTORS:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))


def describe():
  """Such as "AMD EPYC, 2 processors, Linux 6.18.44, Debian GNU/Linux 12 (bookworm)"."""
  model = field("/proc/cpuinfo", "model name", ":") or platform.machine()
  system = field("/etc/os-release", "PRETTY_NAME", "=").strip('"') or "Linux"
  kernel = platform.release().split("-")[0]
  return f"{model}, {os.cpu_count()} processors, Linux {kernel}, {system}"


def field(path, name, separator):
  try:
    for line in Path(path).read_text().splitlines():
      key, _, value = line.partition(separator)
      if key.strip() == name:
        return value.strip()
  except OSError:
    pass
  return ""
