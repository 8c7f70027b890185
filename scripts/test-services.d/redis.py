"""Two Redis servers: values of every size, redis-benchmark with pipelining, a server that is killed and comes back."""

import random
import socket
import time

import packages
from commands import Load, expect, expect_equal, run

NEEDS = {"redis-server": "redis-server", "redis-benchmark": "redis-tools"}
LIMIT = 50
CLIENTS = 8


def check(stage):
  first, second = (redis(stage, name) for name in ("redis-a", "redis-b"))
  balancer = stage.balancer([first, second], {"type": "redis"}, scheduler="least-connections")

  with stage.check("every value comes back as it was set, over both servers"):
    served = {set_and_get(balancer.port, seed) for seed in range(20)}
    expect_equal(served, {first.port, second.port}, "servers that answered")

  with stage.check("redis-benchmark with 50 connections and 16 requests in the pipeline"):
    output = run(benchmark(balancer.port, 50, 200_000, "set,get"))
    expect_equal(output.count(b"requests per second"), 2, f"rates in {output!r}")

  with stage.check("a server is killed: only the sessions that were on it end"):
    command = benchmark(balancer.port, 1, 250_000, "get")
    loads = [Load(stage, f"benchmark-{number}", command) for number in range(CLIENTS)]
    while (there := connections(first) + connections(second)) < CLIENTS:
      time.sleep(0.01)
    lost = connections(first)
    expect(there == CLIENTS and 0 < lost < CLIENTS, f"{lost} of {there} sessions were on {first.name}")
    first.kill()
    # From here on nobody may notice, whether the checks have yet or not.
    until_down(balancer, first)
    ended = [load.end(20) for load in loads]
    expect_equal(sum(status != 0 for status, _ in ended), lost, "clients that failed")
    for status, output in ended:
      expect(status == 0 or "Server closed the connection" in output or "reset" in output, f"a client says {output!r}")

  with stage.check("the health log says so, with the reason"):
    event = balancer.await_health(first.name, "down")
    expect_equal((event["errno"], event["eligible"]), ("ECONNREFUSED", 1), "errno and eligible backends")

  with stage.check("it is started again and serves again"):
    first.start()
    balancer.await_health(first.name, "up", times=2)
    served = {set_and_get(balancer.port, seed) for seed in range(4)}
    expect_equal(served, {first.port, second.port}, "servers that answered")


def redis(stage, name):
  port = stage.ports.next()
  return stage.server(name, port, [
    packages.find("redis-server"), "--bind", "127.0.0.1", "--port", port, "--dir", stage.folder, "--save", "",
    "--appendonly", "no", "--daemonize", "no"])


def benchmark(port, connections, requests, tests):
  return [packages.find("redis-benchmark"), "-h", "127.0.0.1", "-p", port, "-c", connections, "-n", requests,
          "-P", 16, "-t", tests, "-q"]


def until_down(balancer, server):
  while not balancer.health(server.name, "down"):
    set_and_get(balancer.port, 1)


def connections(server):
  """Clients of a server other than this one and those that are checks."""
  with Session(server.port) as session:
    clients = session.ask(b"CLIENT", b"LIST").splitlines()
  return sum(b"cmd=get" in client for client in clients)


def set_and_get(port, seed):
  """Sets keys of its own to values of 0 bytes to 1 MiB in one session, all at once, and reads them back.

  The port of the server that it was on."""
  generator = random.Random(seed)
  values = {
    b"%d:%d" % (seed, number): generator.randbytes(size)
    for number, size in enumerate([0, 1, 100, 16 << 10, 1 << 20] + [generator.randrange(2000) for _ in range(50)])
  }
  with Session(port) as session:
    answers = session.ask_all([(b"SET", key, value) for key, value in values.items()])
    expect_equal(set(answers), {b"OK"}, "answers to SET")
    found = session.ask_all([(b"GET", key) for key in values])
    for (key, value), answer in zip(values.items(), found, strict=True):
      expect_equal(answer, value, f"value of {key}, seed {seed}")
    for line in session.ask(b"INFO", b"server").splitlines():
      if line.startswith(b"tcp_port:"):
        return int(line.partition(b":")[2])


class Session:
  """One connection that speaks RESP (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""

  def __init__(self, port):
    self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
    self.reader = self.socket.makefile("rb")

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.reader.close()
    self.socket.close()

  def ask(self, *words):
    return self.ask_all([words])[0]

  def ask_all(self, commands):
    self.socket.sendall(b"".join(
      b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words) for words in commands))
    return [self.answer() for _ in commands]

  def answer(self):
    line = self.reader.readline()
    expect(line.endswith(b"\r\n") and line[:1] in b"+$", f"Redis answered {line!r}")
    if line.startswith(b"+"):
      return line[1:-2]
    size = int(line[1:])
    return self.reader.read(size + 2)[:-2] if size >= 0 else None
