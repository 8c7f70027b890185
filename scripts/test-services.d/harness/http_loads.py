"""wrk and h2load before balancer for as long as a story goes on; a single failed request is a failure."""

import os
import re
import signal
import threading

import packages
import wrk
from commands import Load, expect, expect_equal, run

CONNECTIONS = 32
# More than any story takes: wrk is told when it is over.
LONG = 600
KINDS = ("connect", "read", "write", "status", "timeout")


class Wrk:
  """`with Wrk(stage, url):` asks all the while."""

  def __init__(self, stage, url, connections=CONNECTIONS, name="wrk", **options):
    self.load = Load(stage, name, wrk.command(url, connections, LONG, **options))

  def __enter__(self):
    return self

  def __exit__(self, kind, *_):
    if kind is None:
      # It prints its report then as well.
      os.kill(self.load.pid, signal.SIGINT)
      status, output = self.load.end(20)
      expect_equal(status, 0, f"status of wrk, which says {output!r}")
      report = wrk.report(output)
      expect(report["requests"] > 100, f"wrk got hardly an answer: {output!r}")
      expect_equal({kind: report[kind] for kind in KINDS}, dict.fromkeys(KINDS, 0), "failures of wrk")


class H2load:
  """`with H2load(url):` asks all the while, with new connections for each thousand of requests.

  With the path of a file it posts what is in there.
  """

  def __init__(self, url, connections=CONNECTIONS, content=None):
    data = ["-d", content] if content else []
    self.command = [packages.find("h2load"), "--h1", "-c", connections, "-n", 1000, *data, url]
    self.thread = threading.Thread(target=self.ask, daemon=True)
    self.stopping = threading.Event()
    self.outputs = []
    self.error = None

  def ask(self):
    try:
      while not self.stopping.is_set():
        self.outputs.append(run(self.command, limit=60).decode())
    except Exception as error:
      self.error = error

  def __enter__(self):
    self.thread.start()
    return self

  def __exit__(self, kind, *_):
    self.stopping.set()
    self.thread.join()
    if kind is not None:
      return
    if self.error:
      raise self.error
    expect(self.outputs, "h2load did not come to its end once")
    for output in self.outputs:
      counts = re.search(
        r"^requests: (\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", output, re.M)
      expect(counts, f"h2load says {output!r}")
      expect_equal([int(each) for each in counts.groups()], [1000, 1000, 0, 0, 0], f"requests in {output!r}")
      statuses = re.search(r"^status codes: (\d+) 2xx", output, re.M)
      expect_equal(statuses and int(statuses[1]), 1000, f"answers with 2xx in {output!r}")
