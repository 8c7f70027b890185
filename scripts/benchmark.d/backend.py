"""The one backend that stands behind every proxy: nginx, pinned to the processor of the load."""

import os
import re
import socket

import packages
from failure import Failure
from processes import Child
from proxies import fill

BULK_BYTES = 256 << 20
MIDDLE_BYTES = 256 << 10
CHUNK = 1 << 20


class Backend:
  def __init__(self, stage):
    self.port = stage.ports.next()
    self.status = stage.folder / "status.sock"
    self.bulk = memory_file(BULK_BYTES)
    self.middle = memory_file(MIDDLE_BYTES)
    configuration = stage.folder / "nginx-backend.conf"
    configuration.write_text(fill(
      "nginx-backend.conf", stage.folder, self.port, bulk=path(self.bulk), middle=path(self.middle)))
    self.child = Child(
      "backend", [packages.find("nginx"), "-e", "stderr", "-p", stage.folder, "-c", configuration],
      stage.folder, stage.load_processor)

  def __enter__(self):
    self.child.await_listening(self.port)
    return self

  def __exit__(self, *_):
    self.child.kill()
    os.close(self.bulk)
    os.close(self.middle)

  def requests(self):
    """The requests served since the start."""
    self.child.check_running()
    with socket.socket(socket.AF_UNIX) as status:
      status.settimeout(10)
      status.connect(str(self.status))
      status.sendall(b"GET / HTTP/1.0\r\n\r\n")
      answer = b""
      while chunk := status.recv(4096):
        answer += chunk
    # "server accepts handled requests" and under it the three numbers.
    numbers = re.search(rb"requests\s+\d+ \d+ (\d+)", answer)
    if numbers is None:
      raise Failure(f"the backend's status is unreadable: {answer[:200]!r}")
    return int(numbers.group(1))


def path(descriptor):
  return f"/proc/{os.getpid()}/fd/{descriptor}"


def memory_file(size):
  """The descriptor of a file in memory that is gone when the benchmark is.

  Written in full: a sparse file would be one page of zeros over and over, which never leaves the first-level cache.
  """
  file = os.memfd_create("body")
  chunk = os.urandom(min(size, CHUNK))
  for _ in range(size // len(chunk)):
    os.write(file, chunk)
  return file
