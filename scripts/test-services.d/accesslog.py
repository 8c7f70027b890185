"""The access log in its three formats, each read by somebody else: GoAccess and Apache's definition of a line, Python's
JSON, and the quoting of a shell."""

import calendar
import json
import os
import re
import shlex
import signal
import time

import packages
from browsing import ask, connection, exchange
from commands import expect, expect_equal, run
from failure import Failure
from website import HEALTH, Website

NEEDS = {"goaccess": "goaccess"}
LIMIT = 40

# %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" of mod_log_config; within quotes a backslash goes before them.
QUOTED = r'"((?:[^"\\\x00-\x1f\x7f-\xff]|\\.)*)"'
COMBINED = re.compile(
  r"(\S+) (\S+) (\S+) \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
  rf"{QUOTED} (\d{{3}}) (\d+|-) {QUOTED} {QUOTED}")
# Requests and what becomes of them: method, target, fields, status, bytes.
REQUESTS = [
  ("GET", "/page", {}, 200, 4),
  ("GET", "/page?a=b&c=%20%22", {"Referer": "https://a.test/?q=a b", "User-Agent": "Test (\"a\" \\ b)"}, 200, 4),
  ("POST", "/page", {"User-Agent": "caf\u00e9 \u00fc"}, 200, 4),
  ("HEAD", "/page", {"User-Agent": ""}, 200, 0),
  ("GET", "/missing", {"Referer": "] \" - \"GET / HTTP/1.1\" 200 1 [x"}, 404, 9),
  ("GET", "/answered", {}, 418, 6),
]


def check(stage):
  site = Website(stage, "site", missing=lambda handler: handler.reply(404, b"not there"))
  file = stage.folder / "access"
  routes = [{"match": {"path": "/answered"}, "respond": {"status": 418, "body": "teapot"}}]
  balancer = stage.balancer(
    [site], {"type": "http", "http": {"path": HEALTH}}, listener={"mode": "http", "routes": routes},
    more={"log": {"access": {"file": str(file), "format": "combined"}}})

  with stage.check("combined: every line is one as Apache defines it, and says what happened"):
    for line, (method, target, fields, status, size) in zip(lines(balancer, file), REQUESTS, strict=True):
      found = COMBINED.fullmatch(line)
      expect(found, f"no line of the Combined Log Format: {line!r}")
      request = f"{method} {target} HTTP/1.1"
      expect_equal(
        found.group(1, 2, 3, 5, 6), ("127.0.0.1", "-", "-", request, str(status)), "client, users, request and status")
      expect_equal(found[7].replace("-", "0"), str(size), "bytes")
      time.strptime(found[4], "%d/%b/%Y:%H:%M:%S %z")
      for group, name in [(8, "Referer"), (9, "User-Agent")]:
        if sent := fields.get(name):
          expect_equal(unescaped(found[group]), sent.encode("latin-1"), name)

  with stage.check("combined: GoAccess takes every line, and counts what happened"):
    report = stage.folder / "report.json"
    run([packages.find("goaccess"), file, "--no-global-config", "--log-format=COMBINED", f"--output={report}"])
    found = json.loads(report.read_bytes())
    general = found["general"]
    expect_equal(
      [general[f"{kind}_requests"] for kind in ("total", "valid", "failed")], [len(REQUESTS), len(REQUESTS), 0],
      "lines, good ones and others")
    expect_equal(general["bandwidth"], sum(size for *_, size in REQUESTS), "bytes")
    classes = {each["data"].split()[0]: each["hits"]["count"] for each in found["status_codes"]["data"]}
    expect_equal(classes, {"2xx": 4, "4xx": 2}, "classes of status")

  with stage.check("json: every line is an object, whatever a client has sent"):
    set_format(balancer, "json")
    begun = time.time()
    for line, (method, target, fields, status, size) in zip(lines(balancer, file), REQUESTS, strict=True):
      found = json.loads(line)
      names = ("event", "listener", "client", "scheme", "method", "target", "version", "status", "sent")
      expected = ("access", "service", "127.0.0.1", "http", method, target, "HTTP/1.1", status, size)
      expect_equal(tuple(found[name] for name in names), expected, "what happened")
      expect_equal(found["ending"], "answered" if status == 418 else "completed", "how it ended")
      expect_equal(found.get("backend"), None if status == 418 else "site", "backend")
      expect(0 <= found["total_ms"] < 10_000, f"{found['total_ms']} ms in all")
      if status != 418:
        expect(0 <= found["queue_ms"] <= found["first_byte_ms"] <= found["total_ms"], f"times in {line}")
      if sent := fields.get("Referer"):
        expect_equal(found["referer"], sent, "referer")
      taken = calendar.timegm(time.strptime(found["time"][:19], "%Y-%m-%dT%H:%M:%S"))
      expect(abs(taken - begun) < 60, f"the time is {found['time']}")

  with stage.check("text: words as a shell would read them"):
    set_format(balancer, "text")
    for line, (method, target, _, status, size) in zip(lines(balancer, file), REQUESTS, strict=True):
      words = shlex.split(line)
      request = f"{method} http://shop.example{target} HTTP/1.1"
      expect_equal((words[1], words[3], words[4]), ("service", request, str(status)), "words")
      values = dict(word.split("=", 1) for word in words[6:])
      expect_equal(values["sent"], str(size), "bytes sent")
      expect_equal(values.get("to"), None if status == 418 else "service/site", "pool and backend")

  with stage.check("the file is opened anew on SIGUSR1, and no line is lost meanwhile"):
    former = file.rename(stage.folder / "access.1")
    before = len(former.read_text().splitlines())
    for number in range(200):
      ask(balancer.port, f"/page?{number}")
      if number == 100:
        os.kill(balancer.child.pid, signal.SIGUSR1)
    files = (former, file)
    all = await_lines(
      lambda: [line for each in files if each.exists() for line in each.read_text().splitlines()][before:], 200)
    # Each worker's lines are in order, and those of several lie beside each other.
    numbers = sorted(int(re.search(r"/page\?(\d+) ", line)[1]) for line in all)
    expect_equal(numbers, list(range(200)), "requests in the files")


def set_format(balancer, name):
  balancer.content["log"]["access"]["format"] = name
  balancer.reload()


def lines(balancer, file):
  """The lines of all requests, which are made on one connection."""
  before = len(file.read_text().splitlines())
  with connection(balancer.port) as client:
    for method, target, fields, status, _ in REQUESTS:
      encoded = {name: value.encode("latin-1") for name, value in fields.items()}
      found = exchange(client, target, method, headers={"Host": "shop.example", "User-Agent": "Test/1.0", **encoded})
      expect_equal(found[0], status, f"status of {target}")
  return await_lines(lambda: file.read_text().splitlines()[before:], len(REQUESTS))


def await_lines(read, count, limit=10):
  deadline = time.monotonic() + limit
  while len(found := read()) < count:
    if time.monotonic() > deadline:
      raise Failure(f"{len(found)} of {count} lines were there within {limit} s")
    time.sleep(0.01)
  return found


def unescaped(text):
  """As mod_log_config has escaped it."""
  known = {"n": b"\n", "r": b"\r", "t": b"\t", "b": b"\b", "v": b"\v"}

  def plain(match):
    code = match[1]
    return bytes([int(code[1:], 16)]) if code[0] == "x" else known.get(code, code.encode())

  parts = re.split(r"\\(x[0-9a-f]{2}|.)", text)
  return b"".join(plain([None, part]) if index % 2 else part.encode() for index, part in enumerate(parts))
