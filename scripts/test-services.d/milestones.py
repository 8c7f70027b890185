"""The milestones of a classic course on load balancers, seen from outside: spreading, failing over, active checks, a
limit for each address, and the client's address for the servers."""

import collections
import contextlib
import threading
import time

from browsing import ask, connection, exchange
from commands import expect, expect_equal
from http_loads import Wrk
from web import nginx
from website import HEALTH, Website

NEEDS = {"nginx": "nginx", "wrk": "wrk"}
LIMIT = 45
NAMES = ("one", "two", "three")
ALLOWED = 5


def check(stage):
  sites = [Website(stage, name) for name in NAMES]
  checks = {"type": "http", "http": {"path": HEALTH, "status": "200"}}
  balancer = stage.balancer(sites, checks, listener={"mode": "http"})

  with stage.check("requests are spread over three servers, to each as many"):
    answers = [ask(balancer.port) for _ in range(30)]
    expect_equal({status for status, _, _ in answers}, {200}, "statuses")
    expect_equal(collections.Counter(body.decode() for _, body, _ in answers), dict.fromkeys(NAMES, 10), "answers")
    expect_equal([len(site.seen) for site in sites], [10, 10, 10], "requests that the servers have seen")

  with stage.check("a server that answers 500 to its check gets no request, and 200 brings it back"):
    sick = sites[1]
    sick.health = 500
    event = balancer.await_health(sick.name, "down")
    expect("500" in event["cause"], f"the health log does not say why: {event['cause']}")
    sick.seen.clear()
    answers = collections.Counter(ask(balancer.port)[1].decode() for _ in range(20))
    expect_equal(answers, {"one": 10, "three": 10}, "answers meanwhile")
    expect_equal(sick.seen, [], "requests to a server that is down")
    sick.health = 200
    balancer.await_health(sick.name, "up", times=2)
    answers = collections.Counter(ask(balancer.port)[1].decode() for _ in range(30))
    expect_equal(answers, dict.fromkeys(NAMES, 10), "answers afterwards")

  with stage.check("a server that is killed in the middle of a load costs no request, and gets some when it is back"):
    servers = [nginx(stage, f"nginx-{name}") for name in NAMES]
    with_nginx = stage.balancer(servers, {"type": "http"}, listener={"mode": "http"})
    with Wrk(stage, f"http://127.0.0.1:{with_nginx.port}/"):
      await_servers(with_nginx.port, servers)
      servers[0].kill()
      with_nginx.await_health(servers[0].name, "down")
      servers[0].start()
      with_nginx.await_health(servers[0].name, "up", times=2)
      await_servers(with_nginx.port, servers)

  for title, limits in [
    ("perClient.requests", {"perClient": {"requests": f"{ALLOWED}/h"}}),
    ("perClient.rate", {"perClient": {"rate": f"{ALLOWED}/h"}}),
    ("a route's rateLimit", {"routes": [{"rateLimit": {"rate": f"{ALLOWED}/h"}, "pool": "service"}]}),
  ]:
    with stage.check(f"{ALLOWED} requests of an address are answered, by {title}, and the others with 429"):
      check_limit(stage, checks, limits)

  with stage.check(f"{ALLOWED} connections of an address are served, by perClient.connections, and the others get 429"):
    check_connections(stage, checks)

  with stage.check("the servers are told the client's address, and believe nobody else"):
    site = Website(stage, "told")
    told = stage.balancer([site], checks, listener={"mode": "http", "trustedProxies": ["127.0.0.9"]})
    for source, sent, expected in [
      ("127.0.0.2", {}, "127.0.0.2"),
      ("127.0.0.3", {"X-Forwarded-For": "6.6.6.6"}, "127.0.0.3"),
      ("127.0.0.3", {"X_Forwarded_For": "6.6.6.6"}, "127.0.0.3"),
      ("127.0.0.3", {"X-Forwarded-For": "6.6.6.6", "Connection": "X-Forwarded-For"}, "127.0.0.3"),
      ("127.0.0.9", {"X-Forwarded-For": "192.0.2.7"}, "192.0.2.7, 127.0.0.9"),
    ]:
      ask(told.port, source=source, headers=sent)
      fields = site.seen[-1][2]
      expect_equal(fields.get_all("X-Forwarded-For"), [expected], f"X-Forwarded-For of {source} that sends {sent}")
      expect_equal([name for name in fields if "_" in name], [], "names with underscores")


def check_limit(stage, checks, limits):
  sites = [Website(stage, f"{name}-{len(stage.balancers)}") for name in NAMES]
  balancer = stage.balancer(sites, checks, listener={"mode": "http", **limits})
  answers = [ask(balancer.port, source="127.0.0.2") for _ in range(20)]
  expect_equal([status for status, _, _ in answers], [200] * ALLOWED + [429] * (20 - ALLOWED), "one after the other")
  for _, _, fields in answers[ALLOWED:]:
    expect(int(fields["Retry-After"]) > 0, "no Retry-After")
  expect_equal(sum(len(site.seen) for site in sites), ALLOWED, "requests that the servers have seen")

  # Another address has a limit of its own, which all its connections share.
  statuses = []
  threads = [
    threading.Thread(target=lambda: statuses.append(ask(balancer.port, source="127.0.0.3")[0])) for _ in range(20)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  expect_equal(collections.Counter(statuses), {200: ALLOWED, 429: 20 - ALLOWED}, "all at once")
  expect_equal(sum(len(site.seen) for site in sites), 2 * ALLOWED, "requests that the servers have seen")


def check_connections(stage, checks):
  site = Website(stage, "served")
  balancer = stage.balancer([site], checks, listener={"mode": "http", "perClient": {"connections": ALLOWED}})
  with contextlib.ExitStack() as held:
    clients = [held.enter_context(connection(balancer.port)) for _ in range(ALLOWED)]
    for _ in range(2):
      expect_equal([exchange(client)[0] for client in clients], [200] * ALLOWED, "those within the limit")
    expect_equal([ask(balancer.port)[0] for _ in range(15)], [429] * 15, "those past the limit")
    expect_equal(ask(balancer.port, source="127.0.0.2")[0], 200, "another address")
    expect_equal(len(site.seen), 2 * ALLOWED + 1, "requests that the server has seen")


def await_servers(port, servers, limit=10):
  """Until each of them has answered."""
  missing = {str(server.port) for server in servers}
  deadline = time.monotonic() + limit
  while missing:
    expect(time.monotonic() < deadline, f"{missing} did not answer within {limit} s")
    missing.discard(ask(port)[2]["X-Server"])
