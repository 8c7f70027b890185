"""WebSockets, with Python's websockets on both sides: messages, pings, ends, reload, timeouts and draining."""

import asyncio
import contextlib
import random
import ssl

from certificates import Authority, entry
from commands import expect, expect_equal
from echo import PATIENCE, Echo
from packages import PYTHON
from ports import is_listening
from stage import backends_of

NEEDS = {"openssl": "openssl", PYTHON / "websockets": "python3-websockets"}
LIMIT = 60
NAME = "service.test"
TUNNEL = 2


def check(stage):
  authority = Authority(stage.folder)
  certificate = authority.issue("ecdsa", NAME)
  plain = Echo(stage, "echo")
  secured = Echo(stage, "echo-tls", certificate)
  wss, both = stage.ports.next(), stage.ports.next()
  tls = {"certificates": [entry(certificate)]}
  balancer = stage.balancer([plain], {}, listener={"mode": "http"}, timeouts={"tunnel": f"{TUNNEL}s"}, more={
    "listeners": {
      "wss": {"listen": f"127.0.0.1:{wss}", "mode": "http", "pool": "service", "tls": tls},
      "both": {"listen": f"127.0.0.1:{both}", "mode": "http", "pool": "secured", "tls": tls},
    },
    "pools": {"secured": {
      "backends": backends_of([secured]), "health": stage.HEALTH,
      "tls": {"ca": str(authority.certificate), "serverName": NAME},
    }},
  })

  for name, url in [
    ("in the clear", f"ws://127.0.0.1:{balancer.port}/chat"), ("within TLS", f"wss://127.0.0.1:{wss}/chat"),
    ("within TLS on both sides", f"wss://127.0.0.1:{both}/chat"),
  ]:
    with stage.check(f"{name}: messages of all sizes, whole and in fragments, and pings"):
      asyncio.run(limited(exchange_messages(url)))
    with stage.check(f"{name}: codes and reasons of the end, from both sides"):
      asyncio.run(limited(exchange_ends(url, plain if "both" not in name else secured)))

  url = f"ws://127.0.0.1:{balancer.port}/chat"
  with stage.check("what the server refuses is an ordinary answer"):
    asyncio.run(limited(expect_refused(f"ws://127.0.0.1:{balancer.port}/forbidden", 403)))

  with stage.check("a new file leaves open ones alone, and so does the server's being taken out"):
    asyncio.run(limited(survive_reload(balancer, url, secured)))

  with stage.check("one that is silent for timeouts.tunnel ends, and one that talks does not"):
    asyncio.run(limited(outlive(url)))

  for title, stays in [("with the last of them", False), ("when shutdown.drain is over", True)]:
    with stage.check(f"on SIGTERM open ones go on, new ones are refused, and balancer ends {title}"):
      ending = stage.balancer([plain], {}, listener={"mode": "http"})
      asyncio.run(limited(drain(ending, f"ws://127.0.0.1:{ending.port}/chat", stays)))
      ending.await_end()


async def limited(work):
  await asyncio.wait_for(work, 4 * PATIENCE)


def connect(url, **options):
  import websockets
  context = None
  if url.startswith("wss:"):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
  return websockets.connect(
    url, ssl=context, max_size=None, open_timeout=PATIENCE, close_timeout=PATIENCE, **options)


async def exchange_messages(url):
  generator = random.Random(7)
  # With the extension that compresses, and without it: then the server sees the very bytes.
  for compression in ("deflate", None):
    async with connect(url, compression=compression, subprotocols=["other", "chat"]) as socket:
      expect_equal(socket.subprotocol, "chat", "protocol")
      for size in (0, 1, 125, 126, 65535, 65536, 3 << 20):
        message = generator.randbytes(size)
        await socket.send(message)
        expect(await socket.recv() == message, f"{size} bytes came back as others")
      await socket.send("Grüße")
      expect_equal(await socket.recv(), "Grüße", "text")
      fragments = [generator.randbytes(generator.randrange(100_000)) for _ in range(30)]
      await socket.send(fragments)
      expect(await socket.recv() == b"".join(fragments), "fragments came back as another message")
      await asyncio.wait_for(await socket.ping(b"are you there"), PATIENCE)
      # Many at once, with the answers read later.
      await asyncio.gather(*(socket.send(b"%d" % number) for number in range(1000)))
      expect_equal([await socket.recv() for _ in range(1000)], [b"%d" % number for number in range(1000)], "messages")


async def exchange_ends(url, echo):
  socket = await connect(url)
  await socket.send("close 4001 gone fishing")
  await asyncio.wait_for(socket.wait_closed(), PATIENCE)
  expect_equal((socket.close_code, socket.close_reason), (4001, "gone fishing"), "the server's end")
  socket = await connect(f"{url}?told")
  await socket.close(3999, "enough")
  expect_equal(await echo.next_end(), (3999, "enough"), "the client's end, as the server has it")
  socket = await connect(f"{url}?told")
  socket.transport.abort()
  expect_equal((await echo.next_end())[0], 1006, "a client that is cut off, as the server has it")


async def expect_refused(url, status):
  import websockets
  try:
    await connect(url)
  except websockets.InvalidStatusCode as error:
    expect_equal(error.status_code, status, "status")
  else:
    expect(False, "it was accepted")


async def talk(socket, message="still there?"):
  await socket.send(message)
  expect_equal(await asyncio.wait_for(socket.recv(), PATIENCE), message, "answer")


async def survive_reload(balancer, url, other):
  async with connect(url) as socket:
    for change in ({"queue": 7}, {"timeouts": {"tunnel": "1h"}}, {"backends": backends_of([other])}):
      before = dict(balancer.content["pools"]["service"])
      balancer.content["pools"]["service"].update(change)
      balancer.reload()
      await talk(socket)
      balancer.content["pools"]["service"] = before
      balancer.reload()
      await talk(socket)
    expect_equal(socket.open, True, "whether it is open")


async def outlive(url):
  # Without the client's own pings nothing is said.
  async with connect(url, ping_interval=None) as silent, connect(url, ping_interval=None) as busy:
    while silent.open:
      await talk(busy)
      await asyncio.sleep(TUNNEL / 20)
    expect_equal(silent.close_code, 1006, "the end of the silent one")
    await talk(busy)


async def drain(balancer, url, stays):
  async with connect(url) as socket:
    balancer.begin_to_end()
    while is_listening(balancer.port):
      await asyncio.sleep(0.01)
    await talk(socket)
    with contextlib.suppress(OSError):
      await connect(url)
      expect(False, "a new one was accepted")
    if stays:
      await asyncio.wait_for(socket.wait_closed(), PATIENCE)
      expect_equal(socket.close_code, 1006, "the end of one that has stayed")
