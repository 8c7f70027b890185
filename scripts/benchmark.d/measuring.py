"""What a process has used, as the kernel counts it."""

import os
import time

CPUCLOCK_SCHED = 2


def processor_seconds(pid):
  """User and system time of all threads of a process, living and ended.

  The same sum as utime + stime in /proc/PID/stat, read through the process's CPU clock (clock_getcpuclockid(3)), which
  counts nanoseconds up to this moment where /proc counts in ticks.
  """
  return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED) / 1e9


def busy_seconds(processor):
  """Time that a processor has spent on anything, a hypervisor's theft included, in ticks of 10 ms."""
  with open("/proc/stat", encoding="ascii") as lines:
    for line in lines:
      name, *ticks = line.split()
      if name == f"cpu{processor}":
        user, nice, system, _, _, interrupts, soft, stolen = map(int, ticks[:8])
        return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
  return 0


def resident_bytes(pid):
  """Everything of the process that is in memory, shared pages included."""
  return rollup(pid, "Rss")


def private_bytes(pid):
  """Memory that would be free again if the process ended."""
  return rollup(pid, "Private_Clean", "Private_Dirty")


def rollup(pid, *names):
  total = 0
  with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
    for line in lines:
      name, _, value = line.partition(":")
      if name in names:
        total += int(value.split()[0]) * 1024
  return total
