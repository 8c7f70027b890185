"""The workloads of HTTP: the proxies read requests, choose routes and share their connections to the backend."""

import routes
from loads import RequestLoad
from secure_loads import await_secure_service
from workloads import BETTER, IdleMemory, Requests, Target

POST_BYTES = 1024


class HTTPRequests(Requests):
  reference = BETTER
  path = "/"

  def __init__(self, key, title, connections, target=None, new_connection=False, count=0):
    super().__init__(key, title, connections, target, new_connection)
    self.routes = count

  def contenders(self, proxies):
    return [proxy.speaking_http(count=self.routes) for proxy in proxies]

  def asking(self, stage):
    """The arguments of wrk.lua."""
    if not self.routes:
      return []
    file = stage.folder / f"targets-{self.routes}"
    file.write_text("".join(f"{host} {path}\n" for host, path in routes.targets(self.routes)))
    return ["targets", file]

  def load(self, stage, backend, port, seconds):
    return RequestLoad(
      stage, backend, port, self.connections, seconds, self.new_connection, path=self.path, asking=self.asking(stage))


class Posts(HTTPRequests):
  def asking(self, stage):
    return ["post", POST_BYTES]


class MiddleBodies(HTTPRequests):
  path = "/middle"


class SecureHTTPRequests(HTTPRequests):
  def contenders(self, proxies):
    return [proxy.speaking_http("ecdsa") for proxy in proxies]

  def await_service(self, port):
    await_secure_service(port)

  def load(self, stage, backend, port, seconds):
    return RequestLoad(stage, backend, port, self.connections, seconds, scheme="https")


class IdleClientMemory(IdleMemory):
  key = "http-idle-memory"
  title = f"HTTP, {IdleMemory.sessions} idle clients"
  cost_title = "the process's own memory per client"
  target = Target(1, is_ratio=False)
  reference = BETTER

  def contenders(self, proxies):
    return [proxy.speaking_http() for proxy in proxies]


ALL = [
  HTTPRequests("http-keep-alive-64", "HTTP, keep-alive, 64 connections", 64, Target(0.90)),
  HTTPRequests("http-keep-alive-1000", "HTTP, keep-alive, 1000 connections", 1000, Target(0.85)),
  HTTPRequests("http-new-connection", "HTTP, a new connection for each request", 64, Target(0.95), new_connection=True),
  Posts("http-post", "HTTP, keep-alive, POST of 1 KiB", 64),
  MiddleBodies("http-256k", "HTTP, keep-alive, responses of 256 KiB", 64, Target(0.95)),
  HTTPRequests("http-routes-1", "HTTP, keep-alive, 1 route", 64, count=1),
  HTTPRequests("http-routes-100", "HTTP, keep-alive, 100 routes", 64, count=100),
  HTTPRequests("http-routes-10000", "HTTP, keep-alive, 10,000 routes", 64, count=10_000),
  SecureHTTPRequests("http-tls-keep-alive", "HTTPS, keep-alive, 64 connections", 64, Target(0.90)),
  IdleClientMemory(),
]
