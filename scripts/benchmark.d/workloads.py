"""The workloads: what each puts through a proxy, what is counted, and the figure the project holds itself to."""

import dataclasses
import math
import time
from typing import Optional

import measuring
from failure import Failure
from loads import BulkLoad, IdleSessions, RequestLoad, await_service
from proxies import Balancer

WARM_UP_SECONDS = 0.5
MIB = 1024 * 1024

# What a ratio refers to: the cheapest of these.
HAPROXY = ("HAProxy",)
BETTER = ("HAProxy", "nginx")


@dataclasses.dataclass(frozen=True)
class Sample:
  """One measurement of one proxy."""

  cost: float  # in the workload's unit; less is better
  throughput: Optional[float] = None  # in the workload's throughput unit
  p99: Optional[float] = None  # milliseconds
  failed: int = 0  # requests without a good answer
  disturbed: float = 0.0  # share of the proxy's processor that went to other programs


@dataclasses.dataclass(frozen=True)
class Target:
  """The most that balancer may cost: as a ratio to the workload's reference in the same round, or in its unit."""

  most: float
  is_ratio: bool = True


class Workload:
  key = ""
  title = ""
  cost_title = ""
  unit = ""
  throughput_unit = ""
  target = None
  # The titles of the proxies that the target refers to, the cheapest of them in each round.
  reference = HAPROXY

  def contenders(self, proxies):
    """The proxies that take turns at it, of those that are there."""
    return proxies

  def measure(self, stage, backend, proxy):
    """A Sample of a proxy that is started for it."""
    raise NotImplementedError


class UnderLoad(Workload):
  """The proxy's processor time over what it relayed, within a window in the middle of a running load."""

  # Processor seconds for each completed thing → the workload's unit.
  scale = 1.0

  def load(self, stage, backend, port, seconds):
    """The load, not yet begun, that lasts at least these seconds."""
    raise NotImplementedError

  def await_service(self, port):
    await_service(port)

  def throughput(self, completed, seconds):
    return completed / seconds

  def measure(self, stage, backend, proxy):
    with proxy.start(stage, backend.port) as running:
      self.await_service(running.port)
      length = math.ceil(WARM_UP_SECONDS + stage.seconds + 0.3)
      with self.load(stage, backend, running.port, length) as load:
        time.sleep(WARM_UP_SECONDS)
        busy = measuring.busy_seconds(stage.proxy_processor)
        before = reading(running, load)
        time.sleep(stage.seconds)
        after = reading(running, load)
        busy = measuring.busy_seconds(stage.proxy_processor) - busy
        p99, failed = load.outcome()
      running.check_running()
    seconds, processor, completed = (late - early for early, late in zip(before, after))
    if completed <= 0:
      raise Failure(f"nothing came through {proxy.title} within {seconds:.1f} s")
    return Sample(
      cost=processor / completed * self.scale, throughput=self.throughput(completed, seconds), p99=p99, failed=failed,
      disturbed=max(0, busy - processor) / seconds)


class Requests(UnderLoad):
  cost_title = "processor time per request"
  unit = "µs"
  throughput_unit = "requests/s"
  scale = 1e6

  def __init__(self, key, title, connections, target, new_connection=False):
    self.key = key
    self.title = title
    self.connections = connections
    self.target = target
    self.new_connection = new_connection

  def load(self, stage, backend, port, seconds):
    return RequestLoad(stage, backend, port, self.connections, seconds, self.new_connection)


class Guarded(Requests):
  """balancer beside itself: what it costs to look at each client and to count the failures of each backend."""

  reference = ("without",)

  def contenders(self, proxies):
    return [
      Balancer(proxy.binary, title, template)
      for proxy in proxies if proxy.title == "balancer"
      for title, template in ((proxy.title, "balancer-guarded.json"), (self.reference[0], proxy.template))
    ]


class Bulk(UnderLoad):
  key = "bulk"
  title = f"bulk transfer, {BulkLoad.STREAMS} streams"
  cost_title = "processor time per GB"
  unit = "s"
  throughput_unit = "GB/s"
  scale = 1e9
  target = Target(0.65)

  def load(self, stage, backend, port, seconds):
    return BulkLoad(port)

  def throughput(self, completed, seconds):
    return completed / seconds / 1e9


class IdleMemory(Workload):
  key = "idle-memory"
  cost_title = "the process's own memory per session"
  unit = "KiB"
  sessions = 4000
  title = f"{sessions} idle sessions"
  target = Target(0.75, is_ratio=False)

  # Sessions opened and closed beforehand, so that what is needed once is not charged to each.
  first = 16

  def measure(self, stage, backend, proxy):
    with proxy.start(stage, backend.port) as running:
      await_service(running.port)
      with IdleSessions(running.port, self.first):
        pass
      before = settled(lambda: measuring.private_bytes(running.pid))
      with IdleSessions(running.port, self.sessions):
        after = settled(lambda: measuring.private_bytes(running.pid))
      running.check_running()
    return Sample((after - before) / self.sessions / 1024)


class Resident(Workload):
  key = "resident"
  title = "no traffic"
  cost_title = "resident size"
  unit = "MiB"
  target = Target(16, is_ratio=False)

  def measure(self, stage, backend, proxy):
    with proxy.start(stage, backend.port) as running:
      size = settled(lambda: measuring.resident_bytes(running.pid))
      running.check_running()
    return Sample(size / MIB)


def reading(running, load):
  """The moment, the processor time of the proxy and the work completed.

  The count takes its time to arrive on a busy processor, so the clocks are read on both sides of it.
  """
  early = time.monotonic(), measuring.processor_seconds(running.pid)
  completed = load.completed()
  late = time.monotonic(), measuring.processor_seconds(running.pid)
  return (early[0] + late[0]) / 2, (early[1] + late[1]) / 2, completed


def settled(read, pause=0.5, limit=10):
  """A reading that has stayed the same for a pause, or the last within the limit in seconds."""
  value = read()
  deadline = time.monotonic() + limit
  while True:
    time.sleep(pause)
    again = read()
    if again == value or time.monotonic() > deadline:
      return again
    value = again


ALL = [
  Requests("keep-alive-64", "keep-alive, 64 connections", 64, Target(0.90)),
  Requests("keep-alive-1000", "keep-alive, 1000 connections", 1000, Target(0.82)),
  Requests("new-connection", "a new connection for each request", 64, Target(0.99), new_connection=True),
  Guarded(
    "guarded", "a new connection each, with perClient, 1000 blocks in allow, and outlier", 64, Target(1.05),
    new_connection=True),
  Bulk(),
  IdleMemory(),
  Resident(),
]
