"""The Debian packages that the benchmark drives."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from failure import Failure

STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

# What has to exist, and the package that brings it.
MEASURING = {"haproxy": "haproxy", "nginx": "nginx", "wrk": "wrk", STREAM_MODULE: "libnginx-mod-stream"}
PROFILING = {"perf": "linux-perf", "strace": "strace"}


def find(program):
  """The path of a program; Debian keeps servers in a folder that an ordinary user's PATH leaves out."""
  return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def require(needed):
  """Installs what is missing when root, else says the command that would."""
  missing = sorted({package for thing, package in needed.items() if not is_there(thing)})
  if not missing:
    return
  command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
  if os.geteuid() != 0 or not find("apt-get"):
    raise Failure(f"missing: {', '.join(missing)}; install with: sudo {' '.join(command)}")
  print(f"installing {', '.join(missing)}", flush=True)
  environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
  with services_left_stopped():
    for step in (["apt-get", "update"], command):
      done = subprocess.run(step, env=environment, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
      raise Failure(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def is_there(thing):
  return thing.exists() if isinstance(thing, Path) else find(thing) is not None


@contextlib.contextmanager
def services_left_stopped():
  """Keeps a freshly installed package from starting its server: Debian asks policy-rc.d, and 101 means no."""
  policy = Path("/usr/sbin/policy-rc.d")
  if policy.exists():
    yield
    return
  policy.write_text("#!/bin/sh\nexit 101\n")
  policy.chmod(0o755)
  try:
    yield
  finally:
    policy.unlink(missing_ok=True)
