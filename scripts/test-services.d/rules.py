"""What a listener does by itself, as programs of others see it: passwords of htpasswd, redirects to TLS, pages for
errors, sticky cookies, limits by a field."""

import collections
import secrets

from browsing import ask, connection, exchange
from certificates import Authority, entry
from commands import expect, expect_equal, run
from packages import PYTHON
from website import HEALTH, Website

NEEDS = {
  "curl": "curl", "openssl": "openssl", "htpasswd": "apache2-utils", PYTHON / "requests": "python3-requests",
}
LIMIT = 40
NAME = "service.test"
CHECKS = {"type": "http", "http": {"path": HEALTH}}
USERS = {"bcrypt": ["-B", "-C", 5], "sha512": ["-5"], "sha512-long": ["-5", "-r", 10_000]}


def check(stage):
  users, passwords = make_users(stage)
  certificate = Authority(stage.folder).issue("ecdsa", NAME)
  page = stage.folder / "errors.html"
  page.write_text("<h1>Not today</h1>")
  large = stage.folder / "large.json"
  large.write_text('{"error": "too large"}')
  secure = stage.ports.next()
  sites = [Website(stage, name) for name in ("one", "two", "three")]
  balancer = stage.balancer(
    sites, CHECKS, sticky={"cookie": "home"}, listener={
      "mode": "http",
      "http": {"errorPages": {"4xx": str(page), "413": str(large)}, "maxBody": "1KiB"},
      "routes": [
        {"match": {"pathPrefix": "/private"}, "auth": {"basicFile": str(users)}, "pool": "service"},
        {"match": {"pathPrefix": "/limited"}, "rateLimit": {"rate": "3/h", "by": "header:X-Key"}, "pool": "service"},
      ],
    }, more={"listeners": {
      "secure": {
        "listen": f"127.0.0.1:{secure}", "mode": "http", "pool": "service",
        "tls": {"certificates": [entry(certificate)]}},
      "plain": {"listen": f"127.0.0.1:{stage.ports.next()}", "mode": "http", "http": {"redirectHTTPS": True}},
    }})
  url = f"http://127.0.0.1:{balancer.port}"

  with stage.check("passwords that htpasswd has hashed, with bcrypt and SHA-512, open the door, and no others"):
    for name, password in passwords.items():
      found = run(["curl", "--silent", "--fail", "--user", f"{name}:{password}", f"{url}/private/page"])
      expect(found in (b"one", b"two", b"three"), f"{name} got {found!r}")
      for wrong in (f"{name}:{password}x", f"{name}:", f"{name}x:{password}", f":{password}"):
        expect_equal(curl_status("--user", wrong, f"{url}/private"), "401", f"status for {wrong}")
    status, _, fields = ask(balancer.port, "/private")
    expect_equal((status, fields["WWW-Authenticate"].split()[0]), (401, "Basic"), "status and challenge for nobody")
    before = sum(len(site.seen) for site in sites)
    ask(balancer.port, "/private", headers={"Authorization": "Basic YmNyeXB0OndyZW5n"})
    expect_equal(sum(len(site.seen) for site in sites), before, "requests that the servers have seen")

  with stage.check("who comes without TLS is sent to https, with host, path and query, and curl gets there"):
    plain = balancer.content["listeners"]["plain"]["listen"].rpartition(":")[2]
    status, _, fields = ask(int(plain), "/a%20b?c=d", headers={"Host": f"{NAME}:{plain}"})
    expect_equal((status, fields["Location"]), (308, f"https://{NAME}/a%20b?c=d"), "status and target")
    found = run([
      "curl", "--silent", "--fail", "--location", "--cacert", stage.folder / "ca.pem",
      "--resolve", f"{NAME}:{plain}:127.0.0.1", "--connect-to", f"{NAME}:443:127.0.0.1:{secure}", "--data", "x=y",
      "--write-out", " %{num_redirects} %{scheme}", f"http://{NAME}:{plain}/page"])
    expect_equal(found.split()[1:], [b"1", b"HTTPS"], "redirects and scheme")
    # With 308 it is the same request again.
    expect("POST" in [site.seen[-1][0] for site in sites if site.seen], "the method was lost on the way")

  with stage.check("pages for errors, for one status and for a class"):
    for request, status, kind, content in [
      ({"target": "/private"}, 401, "text/html", page),
      ({"method": "POST", "body": b"x" * 5000}, 413, "application/json", large),
      ({"target": "/a\\b"}, 400, "text/html", page), ({"method": "TRACE"}, 405, "text/html", page),
    ]:
      found = ask(balancer.port, **request)
      expect_equal((found[0], found[2].get_content_type()), (status, kind), f"status and type for {request}")
      expect_equal(found[1], content.read_bytes(), f"page for {request}")

  check_cookies(stage, balancer, sites, url)

  with stage.check("a limit for each value of a field"), connection(balancer.port) as client:
    for key in ("a", "b", None):
      headers = {"X-Key": key} if key else {}
      statuses = collections.Counter(exchange(client, "/limited", headers=headers)[0] for _ in range(10))
      expect_equal(statuses, {200: 3, 429: 7}, f"answers for {key}")


def check_cookies(stage, balancer, sites, url):
  import requests

  with stage.check("sessions of requests stay with their servers, and a made-up cookie chooses nothing"):
    homes = collections.Counter()
    for _ in range(12):
      with requests.Session() as session:
        homes[expect_one({session.get(url, timeout=10).text for _ in range(5)})] += 1
        expect_equal(list(session.cookies.keys()), ["home"], "cookies")
    expect_equal(sorted(homes), ["one", "three", "two"], "servers that sessions were given")
    value = session.cookies["home"]
    for forged in ("one", "service/one", value[:-1], value + "x", value.swapcase(), secrets.token_urlsafe(16), ""):
      answers = {requests.get(url, cookies={"home": forged}, timeout=10).text for _ in range(12)}
      expect_equal(sorted(answers), ["one", "three", "two"], f"servers that the cookie {forged!r} leads to")

  with stage.check("a session whose server goes down moves to another, and stays there"), requests.Session() as session:
    home = next(site for site in sites if site.name == session.get(url, timeout=10).text)
    home.health = 500
    balancer.await_health(home.name, "down")
    refuge = expect_one({session.get(url, timeout=10).text for _ in range(5)})
    expect(refuge != home.name, "it stayed with a server that is down")
    home.health = 200
    balancer.await_health(home.name, "up", times=2)
    expect_equal(expect_one({session.get(url, timeout=10).text for _ in range(5)}), refuge, "server afterwards")


def make_users(stage):
  """A file of htpasswd's, and the passwords in it by name."""
  file = stage.folder / "users"
  passwords = {name: secrets.token_urlsafe(9) for name in USERS}
  passwords["umlaut"] = "größer: & \"'$"
  for number, (name, password) in enumerate(passwords.items()):
    kind = USERS.get(name, USERS["bcrypt"])
    run(["htpasswd", "-b", *kind, *(["-c"] if number == 0 else []), file, name, password])
  return file, passwords


def curl_status(*arguments):
  return run(["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", *arguments]).decode()


def expect_one(values):
  expect(len(values) == 1, f"they differ: {values}")
  return values.pop()
