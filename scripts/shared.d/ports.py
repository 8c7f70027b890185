"""TCP ports of this machine."""

import random
import socket
from pathlib import Path

from failure import Failure

LISTENING = "0A"


class Ports:
  """Hands out free TCP ports below the ephemeral range, where no outgoing connection can take them first."""

  def __init__(self):
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    self.candidates = list(range(max(1024, first - 10_000), max(1124, first)))
    random.shuffle(self.candidates)

  def next(self):
    while self.candidates:
      port = self.candidates.pop()
      with socket.socket() as probe:
        try:
          probe.bind(("127.0.0.1", port))
        except OSError:
          continue
      return port
    raise Failure("no free TCP port below the ephemeral range")


def is_listening(port):
  # Listening sockets come first in the file; what follows can be a hundred thousand lines of closed connections.
  with open("/proc/net/tcp", encoding="ascii") as sockets:
    next(sockets)
    for line in sockets:
      _, local, _, state, *_ = line.split()
      if state != LISTENING:
        return False
      if int(local.rpartition(":")[2], 16) == port:
        return True
  return False
