"""The programs under comparison: how each is configured, started and asked for its version."""

import copy
import json
import re
import string
import subprocess
from pathlib import Path

import packages
import routes
import tools
from failure import Failure
from processes import Child

HERE = Path(__file__).resolve().parent


class Proxy:
  """One program in one configuration, a template in this folder in which its ports are filled in."""

  title = ""
  template = ""
  # The template in which it ends TLS.
  secure_template = ""
  # Those in which it speaks HTTP, in the clear and behind TLS.
  http_template = ""
  secure_http_template = ""
  # Of the certificate that it shows; None where it speaks no TLS.
  kind = None
  # Routes that it chooses from, where it speaks HTTP.
  routes = 0

  def arguments(self, configuration):
    raise NotImplementedError

  def version(self):
    raise NotImplementedError

  def secured(self, kind):
    """The same behind TLS, with a certificate of this kind."""
    made = copy.copy(self)
    made.kind = kind
    made.template = self.secure_template
    return made

  def speaking_http(self, kind=None, count=0):
    """The same as an HTTP proxy, behind TLS with a certificate of a kind or in the clear with a number of routes."""
    made = copy.copy(self)
    made.kind = kind
    made.routes = count
    made.template = self.secure_http_template if kind else self.http_template
    return made

  def routing(self, folder, listen):
    """What a template says of the routes."""
    raise NotImplementedError

  def start(self, stage, backend_port):
    """A Child that listens on its `port`, pinned to the processor of the proxy."""
    port = stage.ports.next()
    name = self.title.lower().replace(" ", "-")
    configuration = stage.folder / f"{name}-{self.template}"
    values = stage.certificate(self.kind) if self.kind else {}
    configuration.write_text(fill(
      self.template, stage.folder, port, backend=backend_port, routing=self.routing(stage.folder, port), **values))
    child = Child(name, self.arguments(configuration), stage.folder, stage.proxy_processor)
    child.port = port
    try:
      child.await_listening(port)
    except BaseException:
      child.kill()
      raise
    return child


class Balancer(Proxy):
  secure_template = "balancer-tls.json"
  http_template = "balancer-http.json"
  secure_http_template = "balancer-http-tls.json"

  def __init__(self, binary, title="balancer", template="balancer.json"):
    self.binary = binary
    self.title = title
    self.template = template
    if not binary.is_file():
      raise Failure(f"{binary} is missing; build it with: swift build -c release --static-swift-stdlib")

  def routing(self, folder, listen):
    return routes.balancer(self.routes)

  def arguments(self, configuration):
    return [self.binary, "run", "--config", configuration]

  def version(self):
    return first_version([self.binary, "--version"])


class HAProxy(Proxy):
  title = "HAProxy"
  template = "haproxy.cfg"
  secure_template = "haproxy-tls.cfg"
  http_template = "haproxy-http.cfg"
  secure_http_template = "haproxy-http-tls.cfg"

  def routing(self, folder, listen):
    return routes.haproxy(self.routes, folder)

  def arguments(self, configuration):
    return [packages.find("haproxy"), "-db", "-f", configuration]

  def version(self):
    return first_version([packages.find("haproxy"), "-v"])


class Nginx(Proxy):
  title = "nginx"
  template = "nginx-stream.conf"
  secure_template = "nginx-stream-tls.conf"
  http_template = "nginx-http.conf"
  secure_http_template = "nginx-http-tls.conf"

  def routing(self, folder, listen):
    return routes.nginx(self.routes, listen)

  def arguments(self, configuration):
    return [packages.find("nginx"), "-e", "stderr", "-p", configuration.parent, "-c", configuration]

  def version(self):
    return first_version([packages.find("nginx"), "-v"])


def fill(template, folder, listen, **more):
  text = string.Template((HERE / template).read_text())
  return text.substitute(
    folder=folder, listen=listen, stream_module=tools.STREAM_MODULE, blocks=json.dumps(blocks()), **more)


def blocks():
  """A thousand of all kinds of addresses, one of which is ours."""
  four = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(700)]
  six = [f"2001:db8:{number:x}::/48" for number in range(299)]
  return [*four, *six, "127.0.0.1"]


def first_version(command):
  try:
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
  except (OSError, subprocess.TimeoutExpired) as error:
    raise Failure(f"{command[0]} does not run: {error}") from None
  found = re.search(r"\d+\.\d+[\w.+-]*", done.stdout + done.stderr)
  return found.group() if found else "unknown version"
