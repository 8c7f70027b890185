"""The workloads behind TLS: the proxies end it, the backend gets what it held."""

import measuring
from loads import RequestLoad
from secure_loads import Handshakes, IdleSecureSessions, SecureBulkLoad, await_secure_service
from workloads import BETTER, Bulk, IdleMemory, Requests, Sample, Target, UnderLoad, settled


class Secure:
  """Every proxy ends TLS with the same certificate."""

  kind = "ecdsa"
  reference = BETTER

  def contenders(self, proxies):
    return [proxy.secured(self.kind) for proxy in proxies]

  def await_service(self, port):
    await_secure_service(port)


class SecureRequests(Secure, Requests):
  def load(self, stage, backend, port, seconds):
    return RequestLoad(stage, backend, port, self.connections, seconds, self.new_connection, scheme="https")


class SecureVisits(Secure, UnderLoad):
  cost_title = "processor time per handshake and request"
  unit = "µs"
  throughput_unit = "handshakes/s"
  scale = 1e6

  def __init__(self, key, title, target, kind="ecdsa", are_resumed=False):
    self.key = key
    self.title = title
    self.target = target
    self.kind = kind
    self.are_resumed = are_resumed

  def load(self, stage, backend, port, seconds):
    return Handshakes(backend, port, self.are_resumed)


class SecureBulk(Secure, Bulk):
  key = "tls-bulk"
  title = f"TLS 1.3, bulk transfer, {SecureBulkLoad.STREAMS} streams"
  target = Target(1.00)

  def load(self, stage, backend, port, seconds):
    return SecureBulkLoad(port)


class IdleSecureMemory(Secure, IdleMemory):
  key = "tls-idle-memory"
  sessions = 2000
  title = f"TLS 1.3, {sessions} idle sessions"
  target = Target(0.80)

  def measure(self, stage, backend, proxy):
    with proxy.start(stage, backend.port) as running:
      await_secure_service(running.port)
      with IdleSecureSessions(running.port, self.first):
        pass
      before = settled(lambda: measuring.private_bytes(running.pid))
      with IdleSecureSessions(running.port, self.sessions):
        after = settled(lambda: measuring.private_bytes(running.pid))
      running.check_running()
    return Sample((after - before) / self.sessions / 1024)


ALL = [
  SecureVisits("tls-full-ecdsa", "TLS 1.3, full handshakes, ECDSA P-256", Target(1.00)),
  SecureVisits("tls-full-rsa", "TLS 1.3, full handshakes, RSA 2048", Target(1.00), kind="rsa"),
  SecureVisits("tls-resumed", "TLS 1.3, resumed handshakes", Target(0.90), are_resumed=True),
  SecureRequests("tls-keep-alive-64", "TLS 1.3, keep-alive, 64 connections", 64, Target(0.90)),
  SecureBulk(),
  IdleSecureMemory(),
]
