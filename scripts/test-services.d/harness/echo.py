"""A server of WebSockets within this process, by Python's websockets."""

import asyncio
import http
import ssl
import threading

from commands import expect

# In seconds, for whatever an end waits for.
PATIENCE = 10


class Echo:
  """It sends back what it gets, in a thread of its own."""

  def __init__(self, stage, name, certificate=None):
    self.name = name
    self.port = stage.ports.next()
    self.certificate = certificate
    self.loop = asyncio.new_event_loop()
    self.ends = None
    stage.servers.append(self)
    started = threading.Event()
    threading.Thread(target=self.run, args=[started], daemon=True).start()
    expect(started.wait(PATIENCE), "the server of WebSockets did not start")

  def run(self, started):
    asyncio.set_event_loop(self.loop)
    self.ends = asyncio.Queue()
    self.loop.run_until_complete(self.serve())
    started.set()
    self.loop.run_forever()

  async def serve(self):
    import websockets
    context = None
    if self.certificate:
      context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
      context.load_cert_chain(self.certificate, self.certificate.with_suffix(".key"))

    async def refuse(path, _):
      return (http.HTTPStatus.FORBIDDEN, [], b"not here\n") if path == "/forbidden" else None

    await websockets.serve(
      self.answer, "127.0.0.1", self.port, ssl=context, max_size=None, subprotocols=["chat"], process_request=refuse,
      close_timeout=PATIENCE, ping_interval=None)

  async def answer(self, socket):
    import websockets
    try:
      async for message in socket:
        if isinstance(message, str) and message.startswith("close "):
          _, code, reason = message.split(" ", 2)
          await socket.close(int(code), reason)
          return
        await socket.send(message)
    except websockets.ConnectionClosedError:
      pass
    if socket.path.endswith("?told"):
      await self.ends.put((socket.close_code, socket.close_reason))

  async def next_end(self):
    """Code and reason of the next one whose client has asked to tell."""
    waiting = asyncio.run_coroutine_threadsafe(self.ends.get(), self.loop)
    return await asyncio.wait_for(asyncio.wrap_future(waiting), PATIENCE)

  def begin_to_stop(self):
    self.loop.call_soon_threadsafe(self.loop.stop)

  def clean_up(self):
    """Its thread ends by itself."""
