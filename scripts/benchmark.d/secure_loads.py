"""What is sent through a proxy that ends TLS: as in loads.py, by clients that trust whatever they are shown."""

import socket
import ssl
import threading
import time

from failure import Failure
from loads import BulkLoad, IdleSessions, REQUEST


def context():
  """TLS 1.3, with every certificate taken: only the proxies are measured."""
  made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
  made.check_hostname = False
  made.verify_mode = ssl.CERT_NONE
  made.minimum_version = ssl.TLSVersion.TLSv1_3
  return made


def connect(port, made, session=None):
  plain = socket.create_connection(("127.0.0.1", port), timeout=10)
  plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
  return made.wrap_socket(plain, server_hostname="bench", session=session)


def exchange(connection):
  connection.sendall(REQUEST)
  if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
    raise Failure("a request through the proxy was not answered with 200")


class Handshakes:
  """A few clients that come again and again, ask for one thing and leave.

  Each brings the ticket of its last visit where handshakes are to be resumed, and none where they are to be full; wrk
  would bring one whenever it can.
  """

  CLIENTS = 8

  def __init__(self, backend, port, are_resumed):
    self.backend = backend
    self.port = port
    self.are_resumed = are_resumed
    self.stopping = False
    self.trouble = None
    # Those of the other kind.
    self.wrong = 0
    self.threads = [threading.Thread(target=self.come_again, daemon=True) for _ in range(self.CLIENTS)]

  def come_again(self):
    made = context()
    session = None
    try:
      while not self.stopping:
        with connect(self.port, made, session) as connection:
          if connection.session_reused != (session is not None):
            self.wrong += 1
          exchange(connection)
          session = connection.session if self.are_resumed else None
    except (OSError, Failure) as error:
      self.trouble = f"a client that came again failed: {error}"

  def __enter__(self):
    for thread in self.threads:
      thread.start()
    return self

  def __exit__(self, *_):
    self.stopping = True
    for thread in self.threads:
      thread.join()

  def completed(self):
    if self.trouble:
      raise Failure(self.trouble)
    return self.backend.requests()

  def outcome(self):
    return None, self.wrong


class SecureBulkLoad(BulkLoad):
  """Reads large bodies through a few connections, decrypts them and throws the bytes away; a thread for each."""

  def __init__(self, port):
    self.counts = [0] * self.STREAMS
    self.trouble = None
    self.stopping = False
    self.streams = [self.open_stream(port) for _ in range(self.STREAMS)]
    self.threads = [
      threading.Thread(target=self.read, args=(index,), daemon=True) for index in range(self.STREAMS)]

  def open_stream(self, port):
    try:
      stream = connect(port, context())
      stream.sendall(b"GET /bulk HTTP/1.1\r\nHost: bench\r\n\r\n" * self.REQUESTS)
      answer = stream.recv(12)
    except OSError as error:
      raise Failure(f"a bulk stream did not begin: {error}") from None
    if not answer.startswith(b"HTTP/1.1 200"):
      raise Failure(f"a bulk stream began with {answer!r}")
    return stream

  def read(self, index):
    sink = bytearray(self.READ_SIZE)
    try:
      while not self.stopping:
        count = self.streams[index].recv_into(sink)
        if count == 0:
          raise ConnectionError("closed")
        self.counts[index] += count
    except OSError as error:
      if not self.stopping:
        self.trouble = f"a bulk stream ended early: {error}"

  def __enter__(self):
    for thread in self.threads:
      thread.start()
    return self

  def __exit__(self, *_):
    self.stopping = True
    for thread in self.threads:
      thread.join()
    for stream in self.streams:
      stream.close()

  def completed(self):
    if self.trouble:
      raise Failure(self.trouble)
    return sum(self.counts)


class IdleSecureSessions(IdleSessions):
  """The same behind TLS."""

  def __enter__(self):
    made = context()
    try:
      for _ in range(self.count):
        self.sockets.append(connect(self.port, made))
        exchange(self.sockets[-1])
    except BaseException as error:
      self.__exit__()
      if isinstance(error, OSError):
        raise Failure(f"session {len(self.sockets)} of {self.count} failed: {error}") from None
      raise
    return self


def await_secure_service(port, limit=10):
  """Waits until a request through the proxy is answered."""
  deadline = time.monotonic() + limit
  while True:
    try:
      with connect(port, context()) as connection:
        exchange(connection)
      return
    except (OSError, Failure) as error:
      if time.monotonic() > deadline:
        raise Failure(f"no answer through port {port} within {limit} s: {error}") from None
      time.sleep(0.02)
