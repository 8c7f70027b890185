"""An HTTP server within this process, which remembers what it was asked for."""

import collections
import http.server
import threading

# Of the checks of balancer.
HEALTH = "/health"


class Website:
  """Each of its paths is a function of the handler; `seen` has the requests that have come, but for checks."""

  def __init__(self, stage, name, **paths):
    self.name = name
    self.paths = {f"/{path}": answer for path, answer in paths.items()}
    self.seen = []
    self.health = 200
    self.server = Listening(("127.0.0.1", stage.ports.next()), Handler)
    self.server.website = self
    self.port = self.server.server_address[1]
    threading.Thread(target=self.server.serve_forever, daemon=True).start()
    stage.servers.append(self)

  def begin_to_stop(self):
    self.server.shutdown()

  def clean_up(self):
    self.server.server_close()


class Listening(http.server.ThreadingHTTPServer):
  daemon_threads = True
  block_on_close = False
  request_queue_size = 1024

  def handle_error(self, request, client_address):
    """A client that goes away is no news."""


class Handler(http.server.BaseHTTPRequestHandler):
  protocol_version = "HTTP/1.1"
  disable_nagle_algorithm = True

  def answer(self):
    website = self.server.website
    path = self.path.partition("?")[0]
    if path == HEALTH:
      self.reply(website.health)
      return
    website.seen.append((self.command, self.path, self.headers))
    if known := website.paths.get(path):
      known(self)
    else:
      # What is left of a request would be taken for the next.
      collections.deque(self.body(), maxlen=0)
      self.reply(200, website.name.encode())

  do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = answer

  def reply(self, status, body=b"", **fields):
    """Underscores in the names of fields stand for hyphens."""
    self.send_response(status)
    for name, value in {"Content_Length": len(body), **fields}.items():
      self.send_header(name.replace("_", "-"), value)
    self.end_headers()
    if self.command != "HEAD":
      self.wfile.write(body)

  def body(self):
    """Of the request, piece by piece as it comes; who waits for a 100 gets it now."""
    if "Expect" in self.headers:
      self.send_response_only(100)
      self.end_headers()
    if "chunked" not in self.headers.get("Transfer-Encoding", ""):
      yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
      return
    while size := int(self.rfile.readline().partition(b";")[0], 16):
      yield self.rfile.read(size)
      self.rfile.readline()
    while self.rfile.readline().strip():
      pass

  def handle_expect_100(self):
    return True

  def chunk(self, piece):
    """Of a response in chunks, sent at once; an empty one ends it."""
    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

  def log_message(self, *_):
    """The test says what it has seen."""
