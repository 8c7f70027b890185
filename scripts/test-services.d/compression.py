"""Compression by balancer against compression by a server, as curl, gzip and Brotli of others read it."""

import gzip
import hashlib
import os

from browsing import ask, connection, exchange
from commands import expect, expect_equal, run
from packages import PYTHON
from web import nginx

NEEDS = {"nginx": "nginx", "curl": "curl", PYTHON / "brotli.py": "python3-brotli"}
LIMIT = 40
TEXT = b"".join(b"%d: the quick brown fox jumps over the lazy dog\n" % number for number in range(20_000))
SITE = """
types { text/plain txt; text/html html; application/json json; image/png png; }
location /zipped/ { alias ${folder}/../site/; gzip on; gzip_types text/plain; gzip_proxied any; }
location /fixed/ { alias ${folder}/../site/; add_header Cache-Control "public, no-transform"; }
location /varied/ { alias ${folder}/../site/; add_header Vary Origin; }
"""


def check(stage):
  import brotli
  root = stage.folder / "site"
  root.mkdir()
  files = {"text.txt": TEXT, "page.html": TEXT[:5000], "short.txt": b"short", "image.png": TEXT}
  for name, content in files.items():
    (root / name).write_bytes(content)
  noise = os.urandom(3 << 20).hex().encode()
  (root / "noise.json").write_bytes(noise)
  balancer = stage.balancer(
    [nginx(stage, "nginx", root, SITE)], {"type": "http"}, listener={"mode": "http", "http": {"compression": {}}})
  url = f"http://127.0.0.1:{balancer.port}"

  with stage.check("gzip and Brotli are what others understand, by the weights of the client"), connection(
    balancer.port) as client:
    decoders = {"gzip": gzip.decompress, "br": brotli.decompress, None: bytes}
    for accepted, expected in [
      ("gzip", "gzip"), ("br", "br"), ("gzip, br", "br"), ("br;q=0.1, gzip;q=0.9", "gzip"), ("gzip;q=0", None),
      ("identity, gzip;q=0.5", None), ("*", "br"), ("br;q=0, *", "gzip"), ("zstd, deflate", None), ("", None),
    ]:
      status, found, fields = exchange(client, "/text.txt", headers={"Accept-Encoding": accepted})
      expect_equal((status, fields["Content-Encoding"]), (200, expected), f"status and coding for {accepted!r}")
      expect(decoders[expected](found) == TEXT, f"another text for {accepted!r}")
      expect_equal(fields["Vary"], "Accept-Encoding", f"Vary for {accepted!r}")
      if expected:
        expect(len(found) < len(TEXT) / 5, f"{len(found)} bytes are left of {len(TEXT)}")

  with stage.check("the ETag becomes weak, the length goes, and conditions still hold"), connection(
    balancer.port) as client:
    _, _, plain = exchange(client, "/text.txt")
    _, _, fields = exchange(client, "/text.txt", headers={"Accept-Encoding": "gzip"})
    expect_equal(fields["ETag"], f"W/{plain['ETag']}", "ETag")
    expect_equal((fields["Content-Length"], fields["Accept-Ranges"]), (None, None), "length and ranges")
    for known in (fields["ETag"], plain["ETag"]):
      status, found, _ = exchange(client, "/text.txt", headers={"Accept-Encoding": "gzip", "If-None-Match": known})
      expect_equal((status, found), (304, b""), f"answer to one who has {known}")
    _, _, fields = exchange(client, "/varied/text.txt", headers={"Accept-Encoding": "gzip"})
    expect_equal(", ".join(fields.get_all("Vary")), "Origin, Accept-Encoding", "Vary beside the server's")

  with stage.check("HEAD, parts, the short, pictures, no-transform and the compressed stay as they are"), connection(
    balancer.port) as client:
    ask_gzip = {"Accept-Encoding": "gzip, br"}
    for target, more, method, status, expected in [
      ("/text.txt", {}, "HEAD", 200, b""), ("/text.txt", {"Range": "bytes=0-1999"}, "GET", 206, TEXT[:2000]),
      ("/short.txt", {}, "GET", 200, b"short"), ("/image.png", {}, "GET", 200, TEXT),
      ("/fixed/text.txt", {}, "GET", 200, TEXT),
    ]:
      found = exchange(client, target, method, headers={**ask_gzip, **more})
      what = f"{method} {target} {more}"
      expect_equal((found[0], found[2]["Content-Encoding"]), (status, None), f"status and coding of {what}")
      expect(found[1] == expected, f"another content of {what}")
    _, found, fields = exchange(client, "/zipped/text.txt", headers=ask_gzip)
    expect_equal(fields.get_all("Content-Encoding"), ["gzip"], "codings of what the server has compressed")
    expect(gzip.decompress(found) == TEXT, "another text of what the server has compressed")

  with stage.check("curl --compressed gets every file byte for byte, in HTTP/1.0 and 1.1, and noise as well"):
    for name, content in [*files.items(), ("noise.json", noise)]:
      for version in ("--http1.0", "--http1.1"):
        found = run(["curl", "--silent", "--fail", "--compressed", version, f"{url}/{name}"])
        expect(hashlib.sha256(found).digest() == hashlib.sha256(content).digest(), f"{name} differs with {version}")

  with stage.check("both compress to about the same size"):
    ours, theirs = (
      len(ask(balancer.port, f"{path}/text.txt", headers={"Accept-Encoding": "gzip"})[1]) for path in ("", "/zipped"))
    expect(ours < 1.25 * theirs, f"{ours} and {theirs} bytes")
