"""Where a proxy's processor time goes: perf and strace, attached to it under a load."""

import os
import re
import shutil
import subprocess
import time

import packages
from failure import Failure
from workloads import WARM_UP_SECONDS

# An entry of the kernel, where the compiler may have folded __x64_sys_sendto into __sys_sendto and the like.
ENTRY = re.compile(r"\b(?:__x64_sys_|__sys_|ksys_|do_(?=writev|readv))(\w+)$")

# The most lines of each list.
BINARIES = 6
FUNCTIONS = 40
OWN_FUNCTIONS = 20
SYSTEM_CALLS = 15


def profile(stage, backend, proxy, workload, folder):
  """Runs the load twice, once under each tool, and prints the top entries; the recording stays in the folder."""
  folder.mkdir(parents=True, exist_ok=True)
  recording = folder / "perf.data"
  with proxy.start(stage, backend.port) as running:
    workload.await_service(running.port)
    under_load(stage, backend, running, workload, [
      packages.find("perf"), "record", "-e", "cpu-clock", "-F", "4000", "-g", "-p", running.pid, "-o", recording,
      "--", "sleep", stage.seconds])
    counts = under_load(stage, backend, running, workload, [
      packages.find("timeout"), "--signal=INT", stage.seconds, packages.find("strace"), "-c", "-f", "-p", running.pid])
    running.check_running()

  print(f"{proxy.title}, {workload.title}; more with: perf report -i {os.path.relpath(recording)}")
  functions = entries(recording, "--no-children", "dso,symbol")
  show("share of processor time by binary", entries(recording, "--no-children", "dso")[:BINARIES])
  calls = system_calls(entries(recording, "--children", "symbol"))
  show("by system call, with all that it calls", calls[:SYSTEM_CALLS])
  show("by function outside the kernel", demangled([line for line in functions if "[.]" in line][:OWN_FUNCTIONS]))
  # The clock interrupts late where interrupts are off: what enables them again collects the samples.
  show(
    "by function (*_irqrestore and handle_softirqs stand for what ran before them)", demangled(functions[:FUNCTIONS]))
  show("system calls (strace slows the proxy down: read the counts, not the seconds)", [
    line for line in counts.splitlines() if line.strip() and "Process" not in line])


def under_load(stage, backend, running, workload, command):
  """The output of a command that ends by itself, run within the load."""
  length = stage.seconds + 3
  with workload.load(stage, backend, running.port, length):
    time.sleep(WARM_UP_SECONDS)
    done = subprocess.run(
      [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
      timeout=length + 30)
  # timeout(1) answers 124 when it had to end the command, which is how strace is ended.
  if done.returncode not in (0, 124):
    raise Failure(f"{command[0]} failed: {done.stdout.strip()[-500:]}")
  return done.stdout


def system_calls(lines):
  """The lines of functions that are entries of the kernel, the outermost of each call."""
  found = {}
  for line in lines:
    if match := ENTRY.search(line):
      found.setdefault(match.group(1), line)
  return list(found.values())


def entries(recording, mode, sort):
  """The lines of perf report: a share, with --children a second one without callees, and the sort keys."""
  done = subprocess.run(
    [packages.find("perf"), "report", "-i", str(recording), "--stdio", mode, "-g", "none",
     "--sort", sort, "--percent-limit", "0.1"],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", timeout=120)
  if done.returncode != 0:
    raise Failure(f"perf report failed: {done.stderr.strip()[-500:]}")
  lines = [re.sub(r"(\s+-)*\s*$", "", line) for line in done.stdout.splitlines()]
  return [line for line in lines if line and not line.startswith("#")]


def demangled(lines):
  """Swift's names in a readable form, where a toolchain is there to do it."""
  if not lines or not shutil.which("swift"):
    return lines
  done = subprocess.run(
    ["swift", "demangle", "--simplified"], input="\n".join(lines), capture_output=True, text=True, timeout=60)
  return done.stdout.splitlines() if done.returncode == 0 else lines


def show(title, lines):
  print(f"\n{title}")
  print("\n".join(lines) if lines else "  none")
