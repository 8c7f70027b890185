"""curl, Python's http.client and requests before a website that answers as it is asked."""

import io
import os

from browsing import connection, exchange
from commands import expect, expect_equal, run
from packages import PYTHON
from website import HEALTH, Website

NEEDS = {"curl": "curl", PYTHON / "requests": "python3-requests"}
LIMIT = 60
LARGE = os.urandom((2 << 20) + 1)


def check(stage):
  site = Website(
    stage, "site", echo=echo, large=large, drip=drip, cookie=cookie, home=home, moved=moved, refuse=refuse)
  balancer = stage.balancer([site], {"type": "http", "http": {"path": HEALTH}}, listener={"mode": "http"})
  url = f"http://127.0.0.1:{balancer.port}"
  check_curl(stage, site, url)
  check_http_client(stage, site, balancer.port)
  check_requests(stage, site, url)


def check_curl(stage, site, url):
  source = stage.folder / "upload"
  source.write_bytes(LARGE)

  with stage.check("curl: HTTP/1.0 gets HTTP/1.0's framing of a response in chunks, and 1.1 its own"):
    for version, expected in [("--http1.0", b"Connection: close"), ("--http1.1", b"Transfer-Encoding: chunked")]:
      head, _, body = curl(version, "--include", f"{url}/drip").partition(b"\r\n\r\n")
      expect_equal(body, b"drip " * 10, f"content with {version}")
      expect(expected.lower() in head.lower().splitlines(), f"no {expected} in {head!r}")

  with stage.check("curl: HEAD"):
    head = curl("--head", f"{url}/large")
    expect(f"content-length: {len(LARGE)}".encode() in head.lower(), f"no length in {head!r}")

  with stage.check("curl: uploads with a length, in chunks, with Expect: 100-continue, and in HTTP/1.0"):
    for option in ("-HExpect:", "-HTransfer-Encoding: chunked", "-HExpect: 100-continue", "--http1.0"):
      found = curl("--request", "POST", option, "--upload-file", source, f"{url}/echo")
      expect(found == LARGE, f"{option}: {len(found)} bytes came back")

  with stage.check("curl: a server that refuses before 100 is heard, and the content is not sent"):
    answer = curl(
      "--include", "-HExpect: 100-continue", "--expect100-timeout", 30, "--data-binary", f"@{source}", f"{url}/refuse",
      "--write-out", "uploaded %{size_upload}")
    expect(b" 403 " in answer.splitlines()[0] and answer.endswith(b"uploaded 0"), f"the answer was {answer!r}")

  with stage.check("curl: sixty at once, and one connection for many in turn"):
    pages = curl("--parallel", "--parallel-max", 60, f"{url}/page?[1-60]")
    expect_equal(pages, b"site" * 60, "pages")
    counts = curl("--write-out", " %{num_connects}", f"{url}/page?[1-10]").split(b"site")[1:]
    expect_equal([int(each) for each in counts], [1] + [0] * 9, "connections made")

  with stage.check("curl: as its proxy for a site, but for no tunnel; and no way to HTTP/2 around the rules"):
    expect_equal(curl("--proxy", url, "http://shop.example:81/page?x"), b"site", "page")
    _, target, fields = site.seen[-1]
    expect_equal((target, fields["Host"]), ("/page?x", "shop.example:81"), "what the server is asked for")
    tunnel = ["curl", "--silent", "--proxytunnel", "--proxy", url, "--write-out", "%{http_connect}", url]
    expect_equal(run(tunnel, statuses=[56]), b"405", "status of CONNECT")
    expect_equal(curl("--http2", "--write-out", " %{http_version}", f"{url}/page"), b"site 1.1", "page and version")
    expect_equal(site.seen[-1][2]["Upgrade"], None, "what the server is asked to switch to")

  with stage.check("curl: a download goes on where it was broken off"):
    part = stage.folder / "part"
    part.write_bytes(LARGE[:1_000_000])
    curl("--continue-at", "-", "--output", part, f"{url}/large")
    expect(part.read_bytes() == LARGE, "the parts do not make the whole")
    expect_equal(site.seen[-1][2]["Range"], "bytes=1000000-", "what the server was asked for")


def check_http_client(stage, site, port):
  with stage.check("http.client: all methods, queries and contents of all sizes on one connection"), connection(
    port) as client:
    for size in (0, 1, 1000, 16 << 10, (16 << 10) + 1, 300_000):
      status, found, _ = exchange(client, f"/echo?size={size}", "POST", LARGE[:size])
      expect(status == 200 and found == LARGE[:size], f"{size} bytes: {status} and {len(found)} bytes")
      expect_equal(site.seen[-1][:2], ("POST", f"/echo?size={size}"), "what the server was asked")
      expect_equal(exchange(client, "/echo", "HEAD")[:2], (200, b""), "answer to HEAD")
      pieces = iter([LARGE[:size], b"", b"end"])
      expect(exchange(client, "/echo", "PUT", pieces)[1] == LARGE[:size] + b"end", f"{size} bytes in chunks differ")

  with stage.check("http.client: many requests are sent before the first answer is read"), connection(port) as client:
    client.connect()
    client.sock.sendall(b"".join(b"GET /page?%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(50)))
    client.sock.sendall(b"GET /large HTTP/1.0\r\n\r\n")
    answers = b"".join(iter(lambda: client.sock.recv(1 << 16), b""))
    expect_equal(answers.count(b"\r\n\r\nsite"), 50, "answers to the first fifty")
    expect(answers.endswith(LARGE), "the last answer is not the large one")


def check_requests(stage, site, url):
  import requests

  with stage.check("requests: a session keeps its cookies, and its connection"), requests.Session() as session:
    session.get(f"{url}/cookie", timeout=10)
    expect_equal(session.cookies.get_dict(), {"flavour": "vanilla", "size": "2"}, "cookies")
    expect_equal(session.get(f"{url}/cookie", timeout=10).text, "flavour=vanilla; size=2", "cookies that came back")
    adapter = session.get_adapter(url)
    pool = adapter.poolmanager.connection_from_url(url)
    expect_equal((pool.num_requests, pool.num_connections), (2, 1), "requests and connections")

  with stage.check("requests: redirects are followed, to the same host and port"):
    answer = requests.get(f"{url}/moved", timeout=10)
    expect_equal(([each.status_code for each in answer.history], answer.text), ([302], "home"), "statuses and content")
    expect_equal(answer.url, f"{url}/home", "where it led to")

  with stage.check("requests: content of no known length, both ways"):
    with requests.get(f"{url}/drip", stream=True, timeout=10) as answer:
      expect_equal(b"".join(answer.iter_content(None)), b"drip " * 10, "content")
    pieces = [LARGE[start:start + 5000] for start in range(100)]
    found = requests.post(f"{url}/echo", data=iter(pieces), timeout=10).content
    expect(found == b"".join(pieces), "other pieces came back")

  with stage.check("requests: a form with a file, and passwords that the server asks for"):
    found = requests.post(f"{url}/echo", data={"a": "1"}, files={"f": io.BytesIO(LARGE[:5000])}, timeout=10).content
    expect(LARGE[:5000] in found and b'name="a"' in found, "the form is another one")
    requests.get(f"{url}/page", auth=("user", "pass"), timeout=10)
    expect_equal(site.seen[-1][2]["Authorization"], "Basic dXNlcjpwYXNz", "credentials")


def curl(*arguments):
  return run(["curl", "--silent", "--show-error", *arguments], limit=30)


# What the website answers.


def echo(handler):
  handler.reply(200, b"".join(handler.body()))


def large(handler):
  start = int((handler.headers.get("Range") or "bytes=0-").partition("=")[2].partition("-")[0])
  fields = {"Content_Range": f"bytes {start}-{len(LARGE) - 1}/{len(LARGE)}"} if start else {}
  handler.reply(206 if start else 200, LARGE[start:], **fields)


def drip(handler):
  handler.send_response(200)
  handler.send_header("Transfer-Encoding", "chunked")
  handler.end_headers()
  for _ in range(10):
    handler.chunk(b"drip ")
  handler.chunk(b"")


def cookie(handler):
  handler.send_response(200)
  handler.send_header("Set-Cookie", "flavour=vanilla; Path=/; HttpOnly")
  handler.send_header("Set-Cookie", "size=2; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT")
  body = (handler.headers["Cookie"] or "none").encode()
  handler.send_header("Content-Length", len(body))
  handler.end_headers()
  handler.wfile.write(body)


def moved(handler):
  handler.reply(302, Location="/home")


def home(handler):
  handler.reply(200, b"home")


def refuse(handler):
  handler.close_connection = True
  handler.reply(403)
