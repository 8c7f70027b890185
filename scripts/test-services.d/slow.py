"""slowhttptest in all its modes at once: others are served meanwhile, the slow ones end by the timeouts, and what they
held is given back."""

import collections
import csv
import json
import os
import time
from pathlib import Path

import packages
from browsing import ask
from commands import Load, expect, expect_equal
from web import nginx

NEEDS = {"slowhttptest": "slowhttptest", "nginx": "nginx"}
LIMIT = 90
SITE = "location /dav/ { root ${folder}; dav_methods PUT; create_full_put_path on; }"
CONNECTIONS = 200
# Longer than the timeouts, so that those and not the attackers end a session.
SECONDS = 7
TIMEOUT = "2s"
# What each mode does, how its requests end, and with which status and method they are logged.
MODES = {
  "headers": (["-H", "-i", 1, "-t", "GET", "-x", 24], (None, 408, "client-timeout")),
  "content": (["-B", "-i", 5, "-t", "PUT", "-s", 8192, "-x", 10], ("PUT", 408, "client-timeout")),
  "ranges": (["-R", "-t", "HEAD", "-a", 10, "-b", 3000], ("HEAD", 400, "completed")),
  "reading": (["-X", "-w", 512, "-y", 1024, "-n", 1, "-z", 32, "-k", 1], ("GET", 200, "client-timeout")),
}
# Between two moments of the same rest.
SLACK = 24 << 20


def check(stage):
  root = stage.folder / "site"
  root.mkdir()
  (root / "large").write_bytes(os.urandom(8 << 20))
  access = stage.folder / "access.json"
  timeouts = dict.fromkeys(("request", "body", "keepAlive", "client"), TIMEOUT)
  balancer = stage.balancer(
    [nginx(stage, "nginx", root, SITE)], {"type": "http"}, listener={"mode": "http", "timeouts": timeouts},
    keepAlive={"ttl": "1s"}, more={"log": {
      "access": {"file": str(access), "format": "json"}}})
  url = f"http://127.0.0.1:{balancer.port}"

  with stage.check("others are served while slow clients hold a connection each", limit=60):
    for _ in range(50):
      ask(balancer.port)
    before = Rest(balancer)
    loads = {}
    for mode, (options, _) in MODES.items():
      command = [
        packages.find("slowhttptest"), *options, "-c", CONNECTIONS, "-r", CONNECTIONS, "-l", SECONDS, "-p", 5,
        "-u", f"{url}/dav/x" if mode == "content" else f"{url}/large", "-g", "-o", stage.folder / mode]
      loads[mode] = Load(stage, f"slow-{mode}", command)
    answers = 0
    while any(load.process.poll() is None for load in loads.values()):
      expect_equal(ask(balancer.port)[:2], (200, b"ok"), "answer to somebody else")
      answers += 1
    expect(answers > 20, f"others got {answers} answers only")
    for mode in MODES:
      with open(f"{stage.folder / mode}.csv", encoding="ascii") as file:
        rows = list(csv.DictReader(file))
      expect(rows and all(row["Service Available"] != "0" for row in rows), f"{mode}: not available at times: {rows}")

  with stage.check("the slow ones have ended by the timeouts, each with its reason"):
    ends = collections.Counter()
    for line in access.read_text().splitlines():
      each = json.loads(line)
      ends[each.get("method"), each.get("status"), each["ending"]] += 1
    for mode, (_, end) in MODES.items():
      expect(ends[end] >= CONNECTIONS * 0.8, f"{mode}: {ends[end]} of {CONNECTIONS} ended as {end}, all: {ends}")

  with stage.check("descriptors and memory go back to what they were"):
    before.await_back(balancer)


class Rest:
  """What balancer holds while nobody asks."""

  def __init__(self, balancer):
    self.descriptors = len(os.listdir(f"/proc/{balancer.child.pid}/fd"))
    status = Path(f"/proc/{balancer.child.pid}/status").read_text()
    self.memory = next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS:"))

  def await_back(self, balancer, limit=15):
    deadline = time.monotonic() + limit
    while (now := Rest(balancer)).descriptors > self.descriptors or now.memory > self.memory + SLACK:
      expect(
        time.monotonic() < deadline,
        f"{self.descriptors} descriptors and {self.memory >> 10} KiB are now {now.descriptors} and {now.memory >> 10}")
      time.sleep(0.05)
