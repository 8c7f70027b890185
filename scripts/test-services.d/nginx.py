"""Two nginx: bodies byte for byte, and wrk while a server is stopped in order and started again."""

import os
import tempfile
from pathlib import Path

import wrk
from commands import Load, expect, expect_equal, run
from failure import Failure
from web import nginx

NEEDS = {"nginx": "nginx", "wrk": "wrk", "curl": "curl", "ss": "iproute2"}
LIMIT = 45
SIZES = [1, 1000, 64 << 10, (1 << 20) + 1, 8 << 20]
CONNECTIONS = 32


def check(stage):
  root = stage.folder / "bodies"
  root.mkdir()
  for size in SIZES:
    (root / str(size)).write_bytes(os.urandom(size))
  first, second = (nginx(stage, name, root) for name in ("nginx-a", "nginx-b"))
  question = {"type": "tcp", "send": "GET /1 HTTP/1.1\r\nHost: check\r\nConnection: close\r\n\r\n", "expect": "200 OK"}
  balancer = stage.balancer([first, second], question)
  url = f"http://127.0.0.1:{balancer.port}/"

  for size in SIZES:
    with stage.check(f"a body of {size} bytes comes through byte for byte, from both servers"):
      expected = (root / str(size)).read_bytes()
      servers = set()
      for _ in range(4):
        body, server = get(stage, f"{url}{size}")
        expect(body == expected, f"{len(body)} bytes came and they differ")
        servers.add(server)
      expect_equal(servers, {first.port, second.port}, "servers that answered")

  with stage.check("wrk while a server stops in order: no wrong answer, and no failure but of connections that it had"):
    load = Load(stage, "wrk", wrk.command(url, CONNECTIONS, 3))
    wait_for_requests(first)
    first.stop()
    balancer.await_health(first.name, "down")
    failed = failures(load)
    # A server that keeps connections alive may close one of them just as the next request comes.
    expect(failed.pop("read") + failed.pop("write") <= CONNECTIONS // 2, f"wrk says {load.output()!r}")
    expect_equal(set(failed.values()), {0}, f"other failures in {load.output()!r}")

  with stage.check("the health log says so, with the reason"):
    event = balancer.await_health(first.name, "down")
    expect_equal((event["errno"], event["eligible"]), ("ECONNREFUSED", 1), "errno and eligible backends")

  with stage.check("wrk with a new connection for each request while the server comes back: no failure"):
    load = Load(stage, "wrk", wrk.command(url, CONNECTIONS, 3, new_connection=True))
    first.start()
    balancer.await_health(first.name, "up", times=2)
    wait_for_requests(first)
    expect_equal(set(failures(load).values()), {0}, f"failures in {load.output()!r}")


def get(stage, url):
  """A body and the port of the server that it came from."""
  with tempfile.TemporaryDirectory(dir=stage.folder) as folder:
    body = Path(folder) / "body"
    header = run(["curl", "--silent", "--show-error", "--fail", "--dump-header", "-", "--output", body, url])
    for line in header.splitlines():
      if line.startswith(b"X-Server: "):
        return body.read_bytes(), int(line.split()[1])
  raise Failure(f"no server named itself in {header!r}")


def wait_for_requests(server):
  """Until connections to a server stand; limited by the check."""
  while not run(["ss", "-Htn", "state", "established", f"sport = :{server.port}"]).strip():
    pass


def failures(load):
  status, output = load.end(15)
  expect_equal(status, 0, f"status of wrk, which says {output!r}")
  report = wrk.report(output)
  expect(report["requests"] > 0, "wrk got no answer")
  return {kind: report[kind] for kind in ("connect", "read", "write", "status", "timeout")}
