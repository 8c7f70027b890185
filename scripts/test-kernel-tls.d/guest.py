"""What is checked of kernel TLS: runs in the guest, with a kernel that has it."""

import json
import os
import select
import socket
import ssl
import subprocess
import threading
import time
import traceback
from pathlib import Path

MEGABYTE = 1 << 20
BULK = 64 * MEGABYTE
# For one wait on a socket, in seconds.
LIMIT = 60
# A megabyte and a bit that repeats: what is at a place of a stream can be told without the stream.
PATTERN = os.urandom(MEGABYTE + 13) * 2
PERIOD = len(PATTERN) // 2

SUITES = {
  "TLS 1.3, AES-128": ("TLSv1.3", "TLS_AES_128_GCM_SHA256"),
  "TLS 1.3, AES-256": ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
  "TLS 1.3, ChaCha20": ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"),
  "TLS 1.2, AES-128": ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
  "TLS 1.2, AES-256": ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
  "TLS 1.2, ChaCha20": ("TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"),
}
FIRST, SECURE, MIRROR, SECURE_MIRROR = 7000, 7100, 7200, 7201
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def slice_of_pattern(place, count):
  start = place % PERIOD
  return memoryview(PATTERN)[start:start + min(count, MEGABYTE)]


# Backends


def serve(port, context=None):
  listening = socket.create_server(("127.0.0.1", port), backlog=64)

  def accept():
    while True:
      connection, _ = listening.accept()
      threading.Thread(target=answer, args=(connection, context), daemon=True).start()

  threading.Thread(target=accept, daemon=True).start()


ENDS = []


def answer(connection, context):
  """What the first line asks for: `mirror COUNT`, `send COUNT`, `hold COUNT` (and then wait) or `take COUNT`."""
  end = "clean"
  try:
    connection.settimeout(LIMIT)
    if context:
      connection = context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)
    line = b""
    while not line.endswith(b"\n"):
      line += connection.recv(1)
    kind, count = line.split()
    count = int(count)
    if kind == b"mirror":
      while count > 0:
        data = connection.recv(min(count, 1 << 16))
        if not data:
          raise EOFError("the stream ended early")
        connection.sendall(data)
        count -= len(data)
    elif kind == b"take":
      taken = check_stream(connection)
      end = "clean" if taken == count else f"{taken} of {count} bytes"
    else:
      send(connection, count)
      if kind == b"hold":
        connection.recv(1)
    if context:
      connection = connection.unwrap()
  except Exception as error:
    end = f"{type(error).__name__}: {error}"
  finally:
    ENDS.append(end)
    connection.close()


def send(connection, count):
  place = 0
  while place < count:
    piece = slice_of_pattern(place, count - place)
    connection.sendall(piece)
    place += len(piece)


def check_stream(connection):
  """Reads to the end, which has to be a clean one, and compares."""
  place = 0
  while True:
    data = connection.recv(1 << 17)
    if not data:
      return place
    expected = slice_of_pattern(place, len(data))
    if data != expected[:len(data)]:
      raise ValueError(f"another byte than was sent, within the {len(data)} from {place} on")
    place += len(data)


# Clients


def client_context(version):
  context = ssl.create_default_context(cafile="certificate.pem")
  context.minimum_version = context.maximum_version = VERSIONS[version]
  return context


def connect(port, version=None, buffer=None):
  plain = socket.socket()
  plain.settimeout(LIMIT)
  if buffer:
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
  plain.connect(("127.0.0.1", port))
  if not version:
    return plain
  # An end without close_notify is an error then.
  return client_context(version).wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)


def mirror(port, version, count):
  """Sends and receives at once, in one thread: an SSL object of Python is not made for two."""
  with connect(port, version) as connection:
    if version and connection.version() != version:
      raise ValueError(f"{connection.version()} is spoken")
    connection.sendall(b"mirror %d\n" % count)
    connection.setblocking(False)
    sent = received = 0
    late = time.monotonic() + LIMIT
    while True:
      wants_write = sent < count
      try:
        if wants_write:
          sent += connection.send(slice_of_pattern(sent, min(count - sent, 1 << 16)))
          late = time.monotonic() + LIMIT
      except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
        wants_write = False
      try:
        data = connection.recv(1 << 17)
        if not data:
          break
        if data != slice_of_pattern(received, len(data)):
          raise ValueError(f"another byte than was sent, within the {len(data)} from {received} on")
        received += len(data)
        late = time.monotonic() + LIMIT
      except (BlockingIOError, ssl.SSLWantReadError):
        if not wants_write:
          select.select([connection], [connection] if sent < count else [], [], 1)
      if time.monotonic() > late:
        raise TimeoutError(f"{sent} bytes sent, {received} received, and no more")
    if received != count:
      raise ValueError(f"{received} of {count} bytes came back")
    return connection.cipher() if version else None


# Checks


def check(title, body):
  begun = time.monotonic()
  try:
    body()
    print(f"ok      {title} ({time.monotonic() - begun:.1f} s)", flush=True)
  except Exception as error:
    print(f"FAILED  {title}: {type(error).__name__}: {error}", flush=True)
    traceback.print_exc()
    print("\n".join(Path("balancer.log").read_text().splitlines()[-10:]), flush=True)


def expect(condition, words):
  if not condition:
    raise AssertionError(words)


def wait(words, condition):
  deadline = time.monotonic() + LIMIT
  while not condition():
    expect(time.monotonic() < deadline, words)
    time.sleep(0.05)


def used():
  counts = dict(line.split() for line in Path("/proc/net/tls_stat").read_text().splitlines())
  return int(counts["TlsTxSw"])


def counted(title, sides, body):
  """The kernel has to encrypt for so many sides more, and for none when all is over."""
  def both():
    before = used()
    body()
    expect(used() - before == sides, f"the kernel encrypted for {used() - before} sides, not for {sides}")
  check(title, both)


def suites():
  for index, (name, (version, cipher)) in enumerate(SUITES.items()):
    def body():
      spoken = mirror(FIRST + index, version, BULK)
      expect(spoken[0] == cipher, f"{spoken[0]} is spoken")
    counted(f"{name}: {BULK >> 20} MiB both ways, byte for byte, to a clean end", 1, body)


def small():
  for index, (name, (version, _)) in enumerate(SUITES.items()):
    counted(f"{name}: 100 KiB stay in the program", 0, lambda: mirror(FIRST + index, version, 100 << 10))


def backend_side():
  counted(f"to a backend: {BULK >> 20} MiB both ways", 1, lambda: mirror(SECURE, None, BULK))
  counted(f"on both sides: {BULK >> 20} MiB both ways", 2, lambda: mirror(SECURE + 1, "TLSv1.3", BULK))

  def upload():
    ENDS.clear()
    with connect(SECURE) as connection:
      connection.sendall(b"take %d\n" % (8 * MEGABYTE))
      send(connection, 8 * MEGABYTE)
      connection.shutdown(socket.SHUT_WR)
      expect(connection.recv(1) == b"", "the backend sent something")
    wait("the backend came to no end", lambda: ENDS)
    expect(ENDS == ["clean"], f"the backend saw {ENDS}")
  counted("a backend sees a clean end", 1, upload)


def slow_readers():
  """The end must not overtake what the kernel has encrypted and the socket had no room for."""
  rounds = 60
  sizes = [(3 * MEGABYTE) // 2 + index * 97_003 for index in range(rounds)]

  def body():
    errors = []

    def one(index, count):
      try:
        version = list(VERSIONS)[index % 2]
        port = FIRST + (3 if version == "TLSv1.2" else 0)
        with connect(port, version, buffer=16 << 10) as connection:
          connection.sendall(b"send %d\n" % count)
          # Long enough that all is stuck on its way.
          time.sleep(0.5)
          received = check_stream(connection)
          expect(received == count, f"{received} of {count} bytes came")
      except Exception as error:
        errors.append(f"{count}: {type(error).__name__}: {error}")

    for start in range(0, rounds, 6):
      threads = [
        threading.Thread(target=one, args=(index, sizes[index])) for index in range(start, min(rounds, start + 6))]
      for thread in threads:
        thread.start()
      for thread in threads:
        thread.join(LIMIT * 2)
    expect(not errors, "; ".join(errors[:4]))
  counted(f"{rounds} slow readers get every byte and a clean end", rounds, body)


def half_closed():
  """The client has said its end before the answer comes: the socket has another state by then."""
  def body():
    with connect(FIRST) as plain:
      context = client_context("TLSv1.3")
      incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
      session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

      def step(action):
        while True:
          try:
            return action()
          except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            data = plain.recv(1 << 16)
            if data:
              incoming.write(data)
            else:
              incoming.write_eof()

      step(session.do_handshake)
      session.write(b"send %d\n" % (4 * MEGABYTE))
      plain.sendall(outgoing.read())
      plain.shutdown(socket.SHUT_WR)
      # A FIN without close_notify is a cut, and ends the session: no data of it may look whole.
      try:
        place = 0
        while data := step(lambda: session.read(1 << 16)):
          place += len(data)
        expect(place < 4 * MEGABYTE, "a client that was cut got a clean end")
      except (ssl.SSLError, ConnectionError):
        pass
  check("a client that is cut gets no clean end", body)


def new_keys():
  """A peer that asks for new keys cannot get them any more, and is told so."""
  output, errors = Path("client.out"), Path("client.err")
  with output.open("wb") as out, errors.open("wb") as err:
    client = subprocess.Popen(
      ["openssl", "s_client", "-connect", f"127.0.0.1:{FIRST}", "-tls1_3"], stdin=subprocess.PIPE, stdout=out, stderr=err)
    try:
      client.stdin.write(b"hold %d\n" % (4 * MEGABYTE))
      client.stdin.flush()
      wait("the client got too little", lambda: output.stat().st_size > 4 * MEGABYTE)
      client.stdin.write(b"K\n")
      client.stdin.flush()
      client.wait(LIMIT)
    finally:
      client.kill()
      client.wait()
  said = errors.read_text(errors="replace")
  expect("alert internal error" in said, f"the client says {said[-300:]}")
  wait("the log does not say it", lambda: "asks for new keys" in Path("balancer.log").read_text())


def abandoned():
  for _ in range(10):
    with connect(FIRST, "TLSv1.3", buffer=16 << 10) as connection:
      connection.sendall(b"send %d\n" % (16 * MEGABYTE))
      connection.recv(1 << 16)


def configuration():
  certificate = [{"certificate": "/test/certificate.pem", "key": "/test/key.pem"}]
  listeners = {}
  for index, (version, cipher) in enumerate(SUITES.values()):
    listeners[f"l{index}"] = {
      "listen": f"127.0.0.1:{FIRST + index}", "pool": "plain",
      "tls": {"certificates": certificate, "ciphers": [cipher]},
    }
  listeners["clear"] = {"listen": f"127.0.0.1:{SECURE}", "pool": "secure"}
  listeners["both"] = {"listen": f"127.0.0.1:{SECURE + 1}", "pool": "secure", "tls": {"certificates": certificate}}
  for listener in listeners.values():
    if "tls" in listener:
      listener["timeouts"] = {"handshake": "60s"}
  return {
    # An emulated processor needs its time.
    "defaults": {"timeouts": {"connect": "60s"}},
    "listeners": listeners,
    "pools": {
      "plain": {"backends": [f"127.0.0.1:{MIRROR}"], "health": "off"},
      "secure": {"backends": [f"127.0.0.1:{SECURE_MIRROR}"], "health": "off", "tls": {"ca": "/test/certificate.pem"}},
    },
  }


def main():
  server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  server.load_cert_chain("certificate.pem", "key.pem")
  serve(MIRROR)
  serve(SECURE_MIRROR, server)
  Path("balancer.json").write_text(json.dumps(configuration()))
  with open("balancer.log", "wb") as log:
    balancer = subprocess.Popen(["/test/balancer", "run", "--config", "balancer.json"], stdout=log, stderr=log)
  try:
    check("balancer starts and says that the kernel encrypts", lambda: wait("no such words", lambda: all(
      words in Path("balancer.log").read_text() for words in ("kernel TLS: used for bulk", "ready"))
      or balancer.poll() is not None))
    expect(balancer.poll() is None, "it has ended")
    mirror(FIRST, "TLSv1.3", 10)
    descriptors = len(os.listdir(f"/proc/{balancer.pid}/fd"))
    small()
    suites()
    backend_side()
    slow_readers()
    half_closed()
    counted("a client that asks for new keys is told that there are none", 1, new_keys)
    check("clients that go in the middle", abandoned)
    check("every descriptor is given back", lambda: wait(
      "some are still open", lambda: len(os.listdir(f"/proc/{balancer.pid}/fd")) == descriptors))
    check("balancer ends in order", lambda: (balancer.terminate(), expect(balancer.wait(LIMIT) == 0, "it did not")))
  except Exception as error:
    print(f"FAILED  the rest of the checks: {type(error).__name__}: {error}", flush=True)
    traceback.print_exc()
  finally:
    balancer.kill()
    print(Path("/proc/net/tls_stat").read_text())
    print("\n".join(Path("balancer.log").read_text().splitlines()[-30:]), flush=True)
  print("done", flush=True)


main()
