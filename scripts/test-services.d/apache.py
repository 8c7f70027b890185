"""Two Apaches, which close connections at the very moment of the next request; bodies, parts, conditions, uploads."""

import collections
import gzip
import itertools
import os
import random
import re
import threading
import time

from browsing import ask, connection, exchange
from commands import expect, expect_equal, run
from web import apache

NEEDS = {"apache2": "apache2", "ab": "apache2-utils", "curl": "curl"}
LIMIT = 60
MODULES = [
  "mpm_event", "authz_core", "headers", "mime", "filter", "deflate", "dav", "dav_fs", "reflector", "env", "setenvif",
]
SITE = """
KeepAlive On
KeepAliveTimeout {timeout}
MaxKeepAliveRequests {requests}
DavLockDB {folder}/lock
<Location /dav>
  Dav On
</Location>
<Location /echo>
  SetHandler reflector
</Location>
<Location /deflated>
  SetOutputFilter DEFLATE
</Location>
"""
SIZES = [0, 1, 1000, 64 << 10, (1 << 20) + 1]
TEXT = b"The quick brown fox jumps over the lazy dog. " * 2000

CHECKS = {"type": "http", "http": {"path": "/1"}}
# Apache's time between two requests, by server; the clients wait as long between theirs, each a little more or less.
PATIENT, HASTY = 1, 0.05


def check(stage):
  root = stage.folder / "site"
  for folder in (root, root / "dav", root / "deflated"):
    folder.mkdir()
    folder.chmod(0o777)
  bodies = {size: os.urandom(size) for size in SIZES}
  for size, body in bodies.items():
    (root / str(size)).write_bytes(body)
  (root / "text.txt").write_bytes(TEXT)
  (root / "deflated" / "text.txt").write_bytes(TEXT)
  patient = server(stage, "apache-patient", root, PATIENT, 100)
  hasty = server(stage, "apache-hasty", root, HASTY, 1000)
  balancer = stage.balancer([patient, hasty], CHECKS, listener={"mode": "http"})
  url = f"http://127.0.0.1:{balancer.port}"

  with stage.check("bodies of all sizes from both servers, one after the other on one connection"), connection(
    balancer.port) as client:
    servers = set()
    for size, body in list(bodies.items()) * 2:
      status, found, fields = exchange(client, f"/{size}")
      expect(status == 200 and found == body, f"{size} bytes: {status}, and {len(found)} bytes")
      servers.add(int(fields["X-Server"]))
    expect_equal(servers, {patient.port, hasty.port}, "servers that answered")

  with stage.check("parts: from here to there, the last ones, several at once, and none"), connection(
    balancer.port) as client:
    body = bodies[1000]
    for asked, expected in [("10-19", body[10:20]), ("-7", body[-7:]), ("990-", body[990:])]:
      found = exchange(client, "/1000", headers={"Range": f"bytes={asked}"})
      expect_equal(found[:2], (206, expected), f"bytes {asked}")
    status, found, fields = exchange(client, "/1000", headers={"Range": "bytes=0-9,500-509"})
    expect_equal((status, fields.get_content_type()), (206, "multipart/byteranges"), "two parts")
    expect(body[:10] in found and body[500:510] in found, "the parts are not in it")
    expect_equal(exchange(client, "/1000", headers={"Range": "bytes=5000-"})[0], 416, "a part that is not there")

  with stage.check("HEAD and 304 have no content, whatever length they tell, and the connection goes on"), connection(
    balancer.port) as client:
    _, _, known = exchange(client, "/1000")
    for _ in range(4):
      status, found, fields = exchange(client, "/1000", "HEAD")
      expect_equal((status, found, fields["Content-Length"]), (200, b"", "1000"), "answer to HEAD")
      for condition in ({"If-None-Match": known["ETag"]}, {"If-Modified-Since": known["Last-Modified"]}):
        status, found, fields = exchange(client, "/1000", headers=condition)
        expect_equal((status, found, fields["ETag"]), (304, b"", known["ETag"]), f"answer to {condition}")
      expect_equal(exchange(client, "/1000", headers={"If-None-Match": '"else"'})[1], bodies[1000], "another ETag")

  with stage.check("what is sent comes back, with a length, in chunks, and with Expect: 100-continue"):
    source = stage.folder / "upload"
    source.write_bytes(bodies[SIZES[-1]])
    for header in ("Content-Type: text/plain", "Transfer-Encoding: chunked", "Expect: 100-continue"):
      found = run(["curl", "--silent", "--fail", "--header", header, "--data-binary", f"@{source}", f"{url}/echo"])
      expect(found == bodies[SIZES[-1]], f"{header}: {len(found)} bytes came back")
    run(["curl", "--silent", "--fail", "--upload-file", source, f"{url}/dav/file"])
    expect((root / "dav" / "file").read_bytes() == bodies[SIZES[-1]], "what was uploaded differs")

  with stage.check("what a server has compressed comes as it is"):
    for _ in range(4):
      status, found, fields = ask(balancer.port, "/deflated/text.txt", headers={"Accept-Encoding": "gzip"})
      expect_equal((status, fields.get_all("Content-Encoding")), (200, ["gzip"]), "status and codings")
      expect(gzip.decompress(found) == TEXT, "it is another text")

  with stage.check("ab: thousands of requests in HTTP/1.0, on connections that are kept and on new ones"):
    for kept, options in [(3000, ["-k"]), (None, [])]:
      output = run(["ab", "-q", "-c", 30, "-n", 3000, *options, f"{url}/1000"]).decode()
      counts = {name: int(count) for name, count in re.findall(r"^([\w-]+) requests: +(\d+)$", output, re.M)}
      expected = {"Complete": 3000, "Failed": 0, **({"Keep-Alive": kept} if kept else {})}
      expect_equal(counts, expected, f"requests with {options}")
      expect("Non-2xx" not in output, f"ab says {output!r}")

  with stage.check("thousands of requests just as a server's keep-alive time is over: every one is answered"):
    # Where both take turns hardly a connection to the patient one would rest for so long.
    alone = stage.balancer([patient], CHECKS, listener={"mode": "http"})
    shorter = stage.balancer([patient], CHECKS, listener={"mode": "http"}, keepAlive={"ttl": f"{500 * PATIENT}ms"})
    with Visitors(alone.port, "/1", PATIENT, clients=200, rounds=5) as others:
      # What may not be sent twice needs keepAlive.ttl to be shorter than the server's time.
      with Visitors(shorter.port, "/1", PATIENT / 2, clients=100, rounds=8, method="POST") as posters:
        with Visitors(balancer.port, "/1", HASTY, clients=40, rounds=80) as visitors:
          pass
    expect_equal(visitors.answers, {(200, bodies[1]): 3200}, "answers of both servers")
    expect_equal(others.answers, {(200, bodies[1]): 1000}, "answers of the patient one")
    expect_equal(posters.answers, {(200, bodies[1]): 800}, "answers to POST")

  with stage.check("a server that ends in order and is started again costs no request"):
    with Visitors(balancer.port, "/1000", HASTY, clients=40) as visitors:
      run([hasty.command[0], "-f", hasty.command[2], "-k", "graceful-stop"])
      balancer.await_health(hasty.name, "down")
      hasty.start()
      balancer.await_health(hasty.name, "up", times=2)
    expect_equal(set(visitors.answers), {(200, bodies[1000])}, "answers")


def server(stage, name, root, timeout, requests):
  folder = stage.folder / name
  more = SITE.format(folder=folder, timeout=f"{int(timeout * 1000)}ms", requests=requests)
  return apache(stage, name, root, MODULES, more)


class Visitors:
  """Clients that ask with pauses for so many rounds, or else until their block ends, and what they were answered."""

  def __init__(self, port, target, pause, clients, rounds=None, method="GET"):
    self.port, self.target, self.pause, self.rounds, self.method = port, target, pause, rounds, method
    self.answers = collections.Counter()
    self.lock = threading.Lock()
    self.stopping = threading.Event()
    self.threads = [threading.Thread(target=self.visit, args=[seed], daemon=True) for seed in range(clients)]

  def visit(self, seed):
    generator = random.Random(seed)
    try:
      with connection(self.port) as client:
        for number in itertools.count():
          if self.stopping.is_set() or number == self.rounds:
            return
          self.count(exchange(client, self.target, self.method)[:2])
          time.sleep(self.pause * generator.uniform(0.9, 1.1))
    except Exception as error:
      self.count(repr(error))

  def count(self, answer):
    with self.lock:
      self.answers[answer] += 1

  def __enter__(self):
    for thread in self.threads:
      thread.start()
    return self

  def __exit__(self, kind, *_):
    if kind or self.rounds is None:
      self.stopping.set()
    for thread in self.threads:
      thread.join()
