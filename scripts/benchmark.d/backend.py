"""The one backend that stands behind every proxy: nginx, pinned to the processor of the load."""

import os
import re
import socket

import packages
from failure import Failure
from processes import Child
from proxies import fill

BULK_BYTES = 256 << 20
CHUNK = 1 << 20


class Backend:
  def __init__(self, stage):
    self.port = stage.ports.next()
    self.status = stage.folder / "status.sock"
    self.bulk = bulk_file()
    configuration = stage.folder / "nginx-backend.conf"
    bulk_path = f"/proc/{os.getpid()}/fd/{self.bulk}"
    configuration.write_text(fill("nginx-backend.conf", stage.folder, self.port, bulk=bulk_path))
    self.child = Child(
      "backend", [packages.find("nginx"), "-e", "stderr", "-p", stage.folder, "-c", configuration],
      stage.folder, stage.load_processor)

  def __enter__(self):
    self.child.await_listening(self.port)
    return self

  def __exit__(self, *_):
    self.child.kill()
    os.close(self.bulk)

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


def bulk_file():
  """The descriptor of a file in memory that is gone when the benchmark is.

  Written in full: a sparse file would be one page of zeros over and over, which never leaves the first-level cache.
  """
  file = os.memfd_create("bulk")
  chunk = os.urandom(CHUNK)
  for _ in range(BULK_BYTES // CHUNK):
    os.write(file, chunk)
  return file
