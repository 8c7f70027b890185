"""wrk and h2load, in the clear and within TLS on both sides, without one failed request: while servers die, come back,
are drained and end in order, and the file is read again every 200 ms."""

import contextlib
import time

from browsing import ask
from certificates import Authority, entry
from commands import expect
from http_loads import H2load, Wrk
from reloading import Reloading
from stage import backends_of
from web import nginx

NEEDS = {"nginx": "nginx", "wrk": "wrk", "h2load": "nghttp2-client", "openssl": "openssl"}
LIMIT = 60
NAME = "service.test"
CONNECTIONS = 8
# As many answers in a row tell that a server gets no more requests.
ROW = 12
CHECKS = {"type": "http"}


def check(stage):
  authority = Authority(stage.folder)
  certificate = authority.issue("ecdsa", NAME)
  servers = [Both(stage, name, certificate) for name in ("nginx-a", "nginx-b", "nginx-c")]
  secure = stage.ports.next()
  balancer = stage.balancer([each.server for each in servers], CHECKS, listener={"mode": "http"}, more={
    "listeners": {"secure": {
      "listen": f"127.0.0.1:{secure}", "mode": "http", "pool": "secure", "tls": {"certificates": [entry(certificate)]},
    }},
    "pools": {"secure": {
      "backends": backends_of(servers), "health": {**stage.HEALTH, **CHECKS},
      "tls": {"ca": str(authority.certificate), "serverName": NAME},
    }},
  })
  for each in servers:
    balancer.await_health(each.name, "up")
  story = Story(balancer, secure, servers)

  with stage.check("no request fails in all of this", limit=LIMIT), contextlib.ExitStack() as loads:
    for name, port, scheme in [("plain", balancer.port, "http"), ("tls", secure, "https")]:
      url = f"{scheme}://127.0.0.1:{port}/"
      loads.enter_context(Wrk(stage, url, CONNECTIONS, name=f"wrk-{name}"))
      loads.enter_context(H2load(url, CONNECTIONS))
    loads.enter_context(Reloading(balancer))
    first, second, third = servers
    story.die(first)
    story.drain(second)
    story.end(third)
    story.die(second)

  # What may not be sent twice can only fail when a server dies.
  content = stage.folder / "content"
  content.write_bytes(b"x" * 20_000)
  with stage.check("no POST fails while servers are drained and the file is read anew"), (
    contextlib.ExitStack()) as loads:
    loads.enter_context(H2load(f"http://127.0.0.1:{balancer.port}/", CONNECTIONS, content))
    loads.enter_context(H2load(f"https://127.0.0.1:{secure}/", CONNECTIONS, content))
    loads.enter_context(Reloading(balancer))
    for server in servers:
      story.drain(server)


class Both:
  """An nginx that listens twice; as itself it is the one that speaks TLS."""

  def __init__(self, stage, name, certificate):
    self.name = f"{name}-tls"
    self.port = stage.ports.next()
    self.server = nginx(stage, name, server=f"""
      listen 127.0.0.1:{self.port} ssl backlog=4096;
      ssl_certificate {certificate};
      ssl_certificate_key {certificate.with_suffix(".key")};
    """)


class Story:
  def __init__(self, balancer, secure, servers):
    self.balancer, self.secure, self.servers = balancer, secure, servers

  def die(self, server):
    self.go(server, server.server.kill)

  def end(self, server):
    self.go(server, server.server.stop)

  def go(self, server, leave):
    names = (server.server.name, server.name)
    before = {name: len(self.balancer.health(name, "up")) for name in names}
    leave()
    for name in names:
      self.balancer.await_health(name, "down", times=before[name])
    server.server.start()
    for name in names:
      self.balancer.await_health(name, "up", times=before[name] + 1)
    self.await_answers(server, wanted=True)

  def drain(self, server):
    self.weigh(server, 0)
    self.await_answers(server, wanted=False)
    self.weigh(server, 1)
    self.await_answers(server, wanted=True)

  def weigh(self, server, weight):
    for pool in self.balancer.content["pools"].values():
      pool["backends"] = [
        {**each, "weight": weight} if each["name"] in (server.name, server.server.name) else each
        for each in pool["backends"]]

  def await_answers(self, server, wanted, limit=15):
    """Waits until a server answers, or no longer does, on both listeners."""
    deadline = time.monotonic() + limit
    for port, tls in [(self.balancer.port, False), (self.secure, True)]:
      while (str(server.server.port) in {ask(port, tls=tls)[2]["X-Server"] for _ in range(ROW)}) != wanted:
        expect(time.monotonic() < deadline, f"{server.name} did not {'come back' if wanted else 'drain'} in {limit} s")
