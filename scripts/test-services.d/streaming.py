"""What must not be held up on its way: server-sent events, long polling, content that is answered while it is sent."""

import contextlib
import zlib

from browsing import connection, exchange
from certificates import Authority, entry
from commands import expect, expect_equal
from packages import PYTHON
from steps import Steps
from website import HEALTH, Website

NEEDS = {"openssl": "openssl", PYTHON / "brotli.py": "python3-brotli"}
LIMIT = 40
EVENTS = 20


def check(stage):
  # The website makes an event only when the client has the one before it.
  steps = Steps()
  site = Website(
    stage, "site", events=lambda handler: events(handler, steps), poll=lambda handler: poll(handler, steps),
    until_close=lambda handler: until_close(handler, steps), converse=converse, early=early)
  certificate = Authority(stage.folder).issue("ecdsa", "service.test")
  secure = stage.ports.next()
  balancer = stage.balancer(
    [site], {"type": "http", "http": {"path": HEALTH}}, listener={"mode": "http"},
    more={"listeners": {"secure": {
      "listen": f"127.0.0.1:{secure}", "mode": "http", "pool": "service", "tls": {"certificates": [entry(certificate)]},
      "http": {"compression": {"types": ["text/event-stream"]}},
    }}})

  for name, port, tls, coding in [
    ("", balancer.port, False, None), (" within TLS", secure, True, None),
    (", compressed, within TLS", secure, True, "gzip"),
    (", compressed by Brotli, within TLS", secure, True, "br"),
  ]:
    for path in ("events", "until_close"):
      with stage.check(f"each event arrives before the next is made: {path}{name}"), connection(
        port, tls=tls) as client:
        steps.begin()
        client.request("GET", f"/{path}", headers={"Accept-Encoding": coding} if coding else {})
        answer = client.getresponse()
        expect_equal(answer.headers["Content-Encoding"], coding, "coding")
        decode = decoder(coding)
        for number in range(EVENTS):
          text = b""
          while not text.endswith(b"\n\n"):
            piece = answer.read1(65536)
            expect(piece, f"the answer ended after {number} events")
            text += decode(piece)
          expect_equal(text, event(number), f"event {number}")
          steps.next()
        expect_equal(decode(answer.read()), b"", "what comes behind the last event")

  with stage.check("long polling: fifty clients wait, and each gets its answer when there is one"), (
    contextlib.ExitStack()) as all:
    steps.begin()
    clients = [all.enter_context(connection(balancer.port)) for _ in range(50)]
    for client in clients:
      client.request("GET", "/poll")
    steps.await_waiting(50)
    expect_equal(exchange_alone(balancer.port), (200, b"site"), "an answer to somebody else meanwhile")
    steps.next()
    for client in clients:
      answer = client.getresponse()
      expect_equal((answer.status, answer.read()), (200, b"news"), "answer")

  with stage.check("on SIGTERM who waits is answered and told that it was the last, and idle connections end"):
    ending = stage.balancer([site], {"type": "http", "http": {"path": HEALTH}}, listener={"mode": "http"})
    with connection(ending.port) as idle, connection(ending.port) as waiting:
      expect_equal(exchange(idle)[:2], (200, b"site"), "answer")
      steps.begin()
      waiting.request("GET", "/poll")
      steps.await_waiting(1)
      ending.begin_to_end()
      expect_equal(idle.sock.recv(1), b"", "what an idle connection hears")
      steps.next()
      answer = waiting.getresponse()
      expect_equal((answer.status, answer.read(), answer.headers["Connection"]), (200, b"news", "close"), "last answer")
    ending.await_end()

  with stage.check("both directions at once: each piece that is sent is answered before the next"), connection(
    balancer.port) as client:
    client.putrequest("POST", "/converse")
    client.putheader("Transfer-Encoding", "chunked")
    client.endheaders()
    answer = None
    for number in range(20):
      said = b"line %d\n" % number
      client.send(b"%x\r\n%b\r\n" % (len(said), said))
      answer = answer or client.response_class(client.sock, method="POST")
      if number == 0:
        answer.begin()
      expect_equal(answer.read1(65536), said.upper(), f"answer to {said}")
    client.send(b"0\r\n\r\n")
    expect_equal(answer.read(), b"", "the end of the answer")

  with stage.check("an answer to the head of a request ends what is sent of its content"), connection(
    balancer.port) as client:
    client.putrequest("POST", "/early")
    client.putheader("Content-Length", str(1 << 30))
    client.endheaders()
    client.send(b"x" * 1000)
    answer = client.getresponse()
    expect_equal((answer.status, answer.read(), answer.headers["Connection"]), (413, b"too large", "close"), "answer")


def exchange_alone(port):
  with connection(port) as client:
    return exchange(client)[:2]


def decoder(coding):
  if coding == "gzip":
    return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress
  if coding == "br":
    import brotli
    return brotli.Decompressor().process
  return bytes


# What the website answers.


def event(number):
  return b"id: %d\ndata: {\"number\": %d}\n\n" % (number, number)


def events(handler, steps):
  head(handler, "chunked")
  for number in range(EVENTS):
    steps.wait(number)
    handler.chunk(event(number))
  handler.chunk(b"")


def until_close(handler, steps):
  handler.close_connection = True
  head(handler, None)
  for number in range(EVENTS):
    steps.wait(number)
    handler.wfile.write(event(number))


def head(handler, coding):
  handler.send_response(200)
  handler.send_header("Content-Type", "text/event-stream")
  if coding:
    handler.send_header("Transfer-Encoding", coding)
  handler.end_headers()


def poll(handler, steps):
  steps.wait(1)
  handler.reply(200, b"news")


def converse(handler):
  handler.send_response(200)
  handler.send_header("Transfer-Encoding", "chunked")
  handler.end_headers()
  for piece in handler.body():
    handler.chunk(piece.upper())
  handler.chunk(b"")


def early(handler):
  handler.close_connection = True
  handler.reply(413, b"too large", Connection="close")
