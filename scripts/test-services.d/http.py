"""HTTP, request by request: nginx behind it, curl, Python and wrk before it."""

import hashlib
import http.client
import os
import signal
import string
import threading
import time

import packages
import wrk
from commands import Load, expect, expect_equal, run

NEEDS = {"nginx": "nginx", "wrk": "wrk", "curl": "curl"}
LIMIT = 60
CONNECTIONS = 32

CONFIGURATION = string.Template("""
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 0;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    add_header X-Server ${port};
    root ${root};
    location = / { return 200 "ok"; }
    location = /who { return 200 "$$http_x_forwarded_for $$http_x_forwarded_proto $$host"; }
    location /dav/ { root ${folder}; dav_methods PUT; create_full_put_path on; }
  }
}
""")


def check(stage):
  root = stage.folder / "bodies"
  root.mkdir()
  body = os.urandom((4 << 20) + 1)
  (root / "large").write_bytes(body)
  first, second = (nginx(stage, name, root) for name in ("nginx-a", "nginx-b"))
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
    load = Load(stage, "wrk", wrk.command(f"{url}/", CONNECTIONS, 6))
    with Reloading(balancer):
      time.sleep(1)
      first.kill()
      balancer.await_health(first.name, "down")
      first.start()
      balancer.await_health(first.name, "up", times=2)
      status, output = load.end(20)
    expect_equal(status, 0, f"status of wrk, which says {output!r}")
    report = wrk.report(output)
    expect(report["requests"] > 100, "wrk got hardly an answer")
    failed = {kind: report[kind] for kind in ("connect", "read", "write", "status", "timeout")}
    expect_equal(set(failed.values()), {0}, f"failures in {output!r}")

  with stage.check("the health log has the reason, in the words of HTTP"):
    event = balancer.await_health(first.name, "down")
    expect_equal(event["eligible"], 1, "eligible backends")


def modified(path):
  return path.stat().st_mtime if path.exists() else 0


class Reloading:
  """Reads the file again every 200 ms, with a change each time."""

  def __init__(self, balancer):
    self.balancer = balancer
    self.stopping = threading.Event()
    self.thread = threading.Thread(target=self.run, daemon=True)

  def run(self):
    number = 0
    while not self.stopping.wait(0.2):
      number += 1
      self.balancer.content["pools"]["service"]["queue"] = 1000 + number % 2
      self.balancer.write()
      os.kill(self.balancer.child.pid, signal.SIGHUP)

  def __enter__(self):
    self.thread.start()

  def __exit__(self, *_):
    self.stopping.set()
    self.thread.join()


def nginx(stage, name, root):
  port = stage.ports.next()
  folder = stage.folder / name
  folder.mkdir()
  # Its workers may be nobody's.
  for each in ("dav", "body"):
    (folder / each).mkdir()
    (folder / each).chmod(0o777)
  configuration = folder / "nginx.conf"
  configuration.write_text(CONFIGURATION.substitute(folder=folder, port=port, root=root))
  return stage.server(
    name, port, [packages.find("nginx"), "-e", "stderr", "-p", folder, "-c", configuration], stop=signal.SIGQUIT)
