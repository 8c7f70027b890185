"""HTTP, request by request: nginx behind it, curl, Python and wrk before it."""

import hashlib
import http.client
import os
import signal
import time

from commands import expect, expect_equal, run
from http_loads import H2load, Wrk
from leftovers import children_of
from reloading import Reloading
from web import nginx

NEEDS = {"nginx": "nginx", "wrk": "wrk", "h2load": "nghttp2-client", "curl": "curl"}
LIMIT = 60
SITE = """
location = /who { return 200 "$http_x_forwarded_for $http_x_forwarded_proto $host"; }
location /dav/ { root ${folder}; dav_methods PUT; create_full_put_path on; }
"""


def check(stage):
  root = stage.folder / "bodies"
  root.mkdir()
  body = os.urandom((4 << 20) + 1)
  (root / "large").write_bytes(body)
  first, second = (nginx(stage, name, root, SITE) for name in ("nginx-a", "nginx-b"))
  balancer = stage.balancer(
    [first, second], {"type": "http", "http": {"path": "/", "body": "ok"}}, listener={"mode": "http"})
  url = f"http://127.0.0.1:{balancer.port}"

  with stage.check("one connection is spread over both servers, request by request"):
    client = http.client.HTTPConnection("127.0.0.1", balancer.port, timeout=10)
    servers = []
    for _ in range(8):
      client.request("GET", "/")
      answer = client.getresponse()
      expect_equal((answer.status, answer.read()), (200, b"ok"), "answer")
      servers.append(int(answer.headers["X-Server"]))
    expect_equal(sorted(servers), sorted([first.port, second.port] * 4), "servers that answered")

  with stage.check("the servers know the client"):
    client.request("GET", "/who", headers={"X-Forwarded-For": "6.6.6.6", "Host": "shop.example"})
    expect_equal(client.getresponse().read(), b"127.0.0.1 http shop.example", "what the server knows")

  with stage.check("a large body comes through byte for byte, and a part of it"):
    found = run(["curl", "--silent", "--fail", f"{url}/large"])
    expect(hashlib.sha256(found).digest() == hashlib.sha256(body).digest(), "the bytes differ")
    expect_equal(run(["curl", "--silent", "--fail", "--range", "10-19", f"{url}/large"]), body[10:20], "ten bytes")

  with stage.check("uploads arrive as they were sent, with a length and in chunks"):
    source = stage.folder / "upload"
    source.write_bytes(body)
    for header in ([], ["--header", "Transfer-Encoding: chunked"]):
      run(["curl", "--silent", "--fail", *header, "--upload-file", source, f"{url}/dav/file"])
      stored = max((stage.folder / name / "dav" / "file" for name in ("nginx-a", "nginx-b")), key=modified)
      expect(stored.read_bytes() == body, "the bytes differ")
      stored.unlink()

  with stage.check("wrk while a server is killed, comes back, and the file is read again all the while: no failure"):
    with Wrk(stage, f"{url}/"), Reloading(balancer):
      time.sleep(1)
      first.kill()
      balancer.await_health(first.name, "down")
      first.start()
      balancer.await_health(first.name, "up", times=2)

  with stage.check("the health log has the reason, in the words of HTTP"):
    event = balancer.await_health(first.name, "down")
    expect_equal(event["eligible"], 1, "eligible backends")

  with stage.check("wrk and h2load while both servers read their own files again and again: no failure"):
    with Wrk(stage, f"{url}/"), H2load(f"{url}/"):
      for number in range(6):
        reload(first if number % 2 else second)


def modified(path):
  return path.stat().st_mtime if path.exists() else 0


def reload(server, limit=10):
  """Has nginx begin anew with another worker, and waits until the former, which answers what it has, is gone."""
  workers = set(children_of(server.pid))
  os.kill(server.pid, signal.SIGHUP)
  deadline = time.monotonic() + limit
  while not workers.isdisjoint(children_of(server.pid)):
    expect(time.monotonic() < deadline, f"a worker of {server.name} did not end within {limit} s")
    time.sleep(0.01)
