"""What is sent through a proxy. A load runs inside its `with` block and says how much it has completed so far."""

import selectors
import socket
import threading
import time

import wrk
from failure import Failure
from processes import Child

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"


class RequestLoad:
  """Requests of wrk through a number of connections."""

  def __init__(
      self, stage, backend, port, connections, seconds, new_connection=False, scheme="http", path="/", asking=()):
    self.backend = backend
    self.limit = seconds + 15
    self.child = Child(
      "wrk", wrk.command(f"{scheme}://127.0.0.1:{port}{path}", connections, seconds, new_connection, asking),
      stage.folder, stage.load_processor)

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.child.kill()

  def completed(self):
    self.child.check_running()
    return self.backend.requests()

  def outcome(self):
    """p99 in milliseconds and the requests that failed, over the whole run. Waits for wrk to end."""
    output = self.child.await_end(self.limit)
    report = wrk.report(output)
    failed = sum(report[kind] for kind in ("connect", "read", "write", "status", "timeout"))
    return report["p99"] / 1000, failed


class BulkLoad:
  """Reads large bodies through a few connections and throws the bytes away uncopied (MSG_TRUNC of tcp(7))."""

  STREAMS = 4
  READ_SIZE = 1 << 20
  # Sent ahead on each connection: more than any window can read, and the reader need not parse a single answer.
  REQUESTS = 400

  def __init__(self, port):
    self.bytes = 0
    self.trouble = None
    self.stopping = False
    self.selector = selectors.DefaultSelector()
    for _ in range(self.STREAMS):
      self.selector.register(self.open_stream(port), selectors.EVENT_READ)
    self.thread = threading.Thread(target=self.read, daemon=True)

  def open_stream(self, port):
    try:
      stream = socket.create_connection(("127.0.0.1", port), timeout=10)
      stream.sendall(b"GET /bulk HTTP/1.1\r\nHost: bench\r\n\r\n" * self.REQUESTS)
      answer = stream.recv(12)
    except OSError as error:
      raise Failure(f"a bulk stream did not begin: {error}") from None
    if not answer.startswith(b"HTTP/1.1 200"):
      raise Failure(f"a bulk stream began with {answer!r}")
    stream.setblocking(False)
    return stream

  def read(self):
    sink = bytearray(self.READ_SIZE)
    try:
      while not self.stopping:
        for key, _ in self.selector.select(timeout=0.1):
          count = key.fileobj.recv_into(sink, self.READ_SIZE, socket.MSG_TRUNC)
          if count == 0:
            raise ConnectionError("closed")
          self.bytes += count
    except OSError as error:
      self.trouble = f"a bulk stream ended early: {error}"

  def __enter__(self):
    self.thread.start()
    return self

  def __exit__(self, *_):
    self.stopping = True
    self.thread.join()
    for key in list(self.selector.get_map().values()):
      key.fileobj.close()
    self.selector.close()

  def outcome(self):
    return None, 0

  def completed(self):
    if self.trouble:
      raise Failure(self.trouble)
    return self.bytes


class IdleSessions:
  """Sessions that have carried one request and then rest. Opened one after the other."""

  def __init__(self, port, count):
    self.port = port
    self.count = count
    self.sockets = []

  def __enter__(self):
    try:
      for _ in range(self.count):
        self.sockets.append(socket.create_connection(("127.0.0.1", self.port), timeout=10))
        exchange(self.sockets[-1])
    except BaseException as error:
      self.__exit__()
      if isinstance(error, OSError):
        raise Failure(f"session {len(self.sockets)} of {self.count} failed: {error}") from None
      raise
    return self

  def __exit__(self, *_):
    for each in self.sockets:
      each.close()


def exchange(connection):
  connection.sendall(REQUEST)
  if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
    raise Failure("a request through the proxy was not answered with 200")


def await_service(port, limit=10):
  """Waits until a request through the proxy is answered."""
  deadline = time.monotonic() + limit
  while True:
    try:
      with socket.create_connection(("127.0.0.1", port), timeout=limit) as connection:
        exchange(connection)
      return
    except (OSError, Failure) as error:
      if time.monotonic() > deadline:
        raise Failure(f"no answer through port {port} within {limit} s: {error}") from None
      time.sleep(0.02)
