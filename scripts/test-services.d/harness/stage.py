"""What a service is given: a folder, ports, servers, a balancer, and checks to be reported."""

import contextlib
import os
import pwd
import shutil

from balancer import Balancer
from ports import Ports
from server import Server


class Stage:
  # Checks as fast as they can be without making a server's every hiccup a failure. A server that has just come is used
  # a second after it has begun to listen, because some listen before they serve.
  HEALTH = {
    "interval": "1s", "timeout": "1s", "fastInterval": "100ms", "downInterval": "200ms", "fall": 2, "rise": 6,
  }

  def __init__(self, service, folder, binary, report, screenshots=None):
    self.service = service
    self.folder = folder
    self.binary = binary
    self.report = report
    # The folder for pictures, where those are wanted and no checks.
    self.screenshots = screenshots
    self.ports = Ports()
    self.servers = []
    self.balancers = []
    # Client programs of the check that is under way.
    self.loads = []
    # How much of each log has been shown.
    self.shown = {}
    # Some servers refuse to run as root. All of them read and write here, whoever they are.
    folder.parent.chmod(0o755)
    folder.mkdir()
    folder.chmod(0o777)

  @contextlib.contextmanager
  def check(self, title, limit=20):
    """`with stage.check("…"):` is one line of the report; see Report.step."""
    with self.report.step(f"{self.service}: {title}", self, limit):
      try:
        yield
        for balancer in self.balancers:
          balancer.check_running()
      finally:
        while self.loads:
          self.loads.pop().kill()

  def server(self, name, port, command, **options):
    """A server that has to listen on its port; it is ended with the stage."""
    server = Server(self, name, port, command, **options)
    self.servers.append(server)
    server.start()
    return server

  def balancer(self, servers, health, listener=None, more=None, **pool):
    """A balancer whose one pool has these servers under their names; further keys of its listener and the pool."""
    name = f"balancer-{len(self.balancers) + 1}" if self.balancers else "balancer"
    balancer = Balancer(self, name, backends_of(servers), health, listener or {}, pool, more or {})
    self.balancers.append(balancer)
    balancer.start()
    return balancer

  def end(self):
    """The last check of every service: balancer has seen nothing it could not handle, and ends as it should."""
    for balancer in self.balancers:
      if not balancer.has_ended:
        with self.check(f"{balancer.name} ends in order"):
          balancer.end()

  def clean_up(self):
    for server in self.servers:
      server.begin_to_stop()
    for child in self.balancers + self.servers:
      with contextlib.suppress(ProcessLookupError):
        child.clean_up()
    shutil.rmtree(self.folder, ignore_errors=True)

  def tails(self, lines):
    """The last lines of all logs, of what is new since the failure before."""
    text = []
    for log in sorted(self.folder.glob("*.log")):
      content = log.read_text(errors="replace")
      new = content[self.shown.get(log, 0):].strip().splitlines()[-lines:]
      self.shown[log] = len(content)
      if new:
        text += [f"        --- {log.name}"] + [f"        {line[:500]}" for line in new]
    return "\n".join(text)


def backends_of(servers):
  """As a pool of balancer.json has them."""
  return [{"name": each.name, "address": f"127.0.0.1:{each.port}"} for each in servers]


def unprivileged():
  """Options of subprocess.Popen for servers that refuse root: nobody instead."""
  if os.geteuid() != 0:
    return {}
  nobody = pwd.getpwnam("nobody")
  return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
