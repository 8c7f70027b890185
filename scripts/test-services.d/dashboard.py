"""The dashboard of the admin server, in a real browser: what it shows, and what it does when it is told to."""

import datetime
import http.client
import json

import browser
import screenshots
from browser import Browser
from commands import expect, expect_equal
from failure import Failure
from watched import address, nginx, start_again, watched

NEEDS = {"nginx": "nginx", "wrk": "wrk", **browser.NEEDS}
LIMIT = 90
TOKEN = "correct.horse-battery_staple"
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
# Of the log line and of what the page shows.
WITHIN = 2.0

# A page's own clock says when it has shown something, however slow the driver is.
WATCH = """
  const [name, word] = arguments;
  const row = [...document.querySelectorAll(".backends tbody")].find(row => row.row.name === name);
  window.shown = null;
  const look = () => {
    const isThere = row.querySelector(".state").textContent.endsWith(word);
    if (isThere && window.shown === null) window.shown = Date.now() / 1000;
  };
  new MutationObserver(look).observe(row, { subtree: true, childList: true, characterData: true });
"""
STATE = """[...document.querySelectorAll(".backends tbody")].find(row => row.row.name === arguments[0])
  ?.querySelector(".state").textContent.endsWith(arguments[1])"""

# Every text that is seen, and what is behind it: those of less contrast than WCAG 2.1 AA asks for (1.4.3).
CONTRAST = """
  const parse = colour => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return { r, g, b, a }; };
  const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ({ r, g, b }) => [r, g, b].map(c => linear(c / 255))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(".unseen, .skip, noscript, button:disabled")) continue;
    let back = element, behind;
    do {
      behind = parse(getComputedStyle(back).backgroundColor);
      back = back.parentElement;
    } while (behind.a < 1 && back);
    const [one, other] = [light(parse(getComputedStyle(element).color)), light(behind)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${walker.currentNode.data.trim()}`);
  }
  return found;
"""


def check(stage):
  with Browser(stage) as page:
    if stage.screenshots:
      screenshots.draw(stage, page)
      return
    servers = [nginx(stage, f"nginx-{letter}") for letter in "abc"]
    balancer = watched(stage, servers)
    check_health(stage, page, balancer, servers)
    check_changes(stage, page, balancer, servers)
    check_reading(stage, page, balancer)
    check_many(stage, page, balancer)
    check_loss(stage, page, balancer)
    check_token(stage, page, balancer, servers)


def check_health(stage, page, balancer, servers):
  with stage.check("the page loads, shows every backend, complains of nothing and asks for nothing elsewhere"):
    page.open(address(balancer))
    for server in servers:
      page.wait(STATE, f"{server.name} up", server.name, "up")
    page.wait("document.querySelector('#events-link').textContent === 'live'", "that the events are live")
    page.wait("document.querySelectorAll('#log li').length >= 3", "the events of the start")
    for part in ("http check", balancer.content["listeners"]["service"]["listen"], "round-robin"):
      expect(part in page.text(), f"the page does not say {part!r}: {page.text()!r}")
    expect_equal(page.complaints(), [], "complaints of the console")
    elsewhere = [url for url in page.requests() if not url.startswith((address(balancer), "data:"))]
    expect_equal(elsewhere, [], "requests elsewhere")

  with stage.check(f"a backend that is killed is shown as down within {WITHIN:.0f} s of its line in the log"):
    page.run(WATCH, servers[0].name, "down")
    servers[0].kill()
    event = balancer.await_health(servers[0].name, "down")
    await_shown(page, event)
    page.wait("document.querySelector('#headline').textContent.startsWith('1 down')", "that one is down")
    page.wait("document.querySelector('.backends .why').textContent.includes(arguments[0])", "why", event["cause"])
    first = page.run("return document.querySelector('.backends tbody').row.name")
    expect_equal(first, servers[0].name, "the first row, which is to be the one with the problem")
    page.wait("document.querySelector('#log li').textContent.includes(arguments[0])", "the event", event["cause"])

  with stage.check("a backend that is back is shown as up, as soon"):
    page.run(WATCH, servers[0].name, "up")
    servers[0].start()
    await_shown(page, balancer.await_health(servers[0].name, "up", times=2))
    page.wait("document.querySelector('#headline').textContent.startsWith('All ')", "that all are up")


def check_changes(stage, page, balancer, servers):
  name = servers[1].name

  with stage.check("a click and its confirmation drain a backend, which then gets no request"):
    page.click(f"[aria-label='Drain service/{name}']")
    page.wait("document.querySelector('#change').open", "the dialog")
    words = page.run("return document.querySelector('#change').innerText")
    for part in (f"Drain service/{name}?", "no new sessions", "open session", "checks go on"):
      expect(part in words, f"the dialog does not say {part!r}: {words!r}")
    expect(name in answered(balancer, 6), f"{name} gets nothing before it is confirmed")
    page.click("#change-do")
    page.wait(STATE, f"{name} drained", name, "drained")
    expect(name not in answered(balancer, 9), f"{name} still gets requests")
    page.wait("document.querySelector('#log').textContent.includes(arguments[0])", "the event", f"{name} (")
    expect_equal(page.run("return document.activeElement.ariaLabel"), f"Enable service/{name}", "focus after it")

  with stage.check("a click and its confirmation enable it again"):
    page.click(f"[aria-label='Enable service/{name}']")
    page.click("#change-do")
    page.wait(STATE, f"{name} up", name, "up")
    expect(name in answered(balancer, 6), f"{name} gets nothing")

  with stage.check("Escape and Cancel change nothing"):
    for leave in (lambda: page.press("ESCAPE"), lambda: page.click("#change-cancel")):
      page.click(f"[aria-label='Disable service/{name}']")
      page.wait("document.querySelector('#change').open", "the dialog")
      leave()
      page.wait("!document.querySelector('#change').open", "the dialog closed")
    expect_equal(backend(balancer, name)["override"], None, "override")

  with stage.check("all of that by keyboard alone"):
    page.run("document.activeElement.blur()")
    page.press("/", name)
    page.wait("document.querySelectorAll('.backends tbody').length === 1", "one row")
    for action, state in (("Disable", "disabled"), ("Enable", "up"), ("Drain", "drained"), ("Enable", "up")):
      tab_to(page, f"{action} service/{name}")
      page.press("ENTER")
      page.wait("document.querySelector('#change').open", "the dialog")
      page.press("TAB", "ENTER")
      page.wait(STATE, f"{name} {state}", name, state)
      page.wait("!document.querySelector('#change').open", "the dialog closed")
    tab_to(page, f"Weight of service/{name}: 1. Change it")
    page.press("ENTER")
    page.wait("document.activeElement.id === 'weight'", "the field of the weight")
    page.press("3", "ENTER")
    page.wait("!document.querySelector('#change').open", "the dialog closed")
    expect_equal(backend(balancer, name)["weight"], 3, "weight")
    page.press("ENTER")
    page.wait("document.activeElement.id === 'weight'", "the field of the weight")
    page.press("TAB", "TAB", "ENTER")
    page.wait("!document.querySelector('#change').open", "the dialog closed")
    now = backend(balancer, name)
    expect_equal((now["weight"], now["override"]), (1, None), "weight and override")
    tab_to(page, name)
    page.press("ENTER")
    page.wait("document.querySelector('.detail')?.innerText.includes('p99.9')", "its details")
    page.press("ENTER")
    page.wait("!document.querySelector('.detail')", "no details")
    clear_filter(page)
    expect_equal(page.complaints(), [], "complaints of the console")


def check_reading(stage, page, balancer):
  with stage.check("what others have named is text and never HTML"):
    page.open(address(balancer))
    backends = balancer.content["pools"]["service"]["backends"]
    # No such socket is there: a path has a name that could do harm, its label and its check's words have too.
    backends.append({"address": f"unix:{HOSTILE}.sock", "labels": {"note": HOSTILE}})
    balancer.reload()
    page.wait("document.querySelector('.backends').innerText.includes(arguments[0] + '.sock')", "its name", HOSTILE)
    page.wait("document.querySelector('.labels').innerText.includes(arguments[0])", "its label", HOSTILE)
    page.wait("document.querySelector('#log').innerText.includes(arguments[0])", "its event", "no such socket file")
    page.wait("document.querySelector('#log').innerText.includes(arguments[0])", "the reload", "+ backend service/")
    page.click(".backends tbody .open")
    page.wait("document.querySelector('.detail')?.innerText.includes(arguments[0])", "its details", HOSTILE)
    page.click("[aria-label^='Drain service/unix:']")
    page.wait("document.querySelector('#change-title').innerText.includes(arguments[0])", "its dialog", HOSTILE)
    page.click("#change-do")
    page.wait("document.querySelector('.backends .state').textContent.endsWith('drained')", "it drained")
    expect_equal(page.run("return document.images.length"), 0, "images in the page")
    expect("taken" not in page.run("return document.title"), "the title is theirs")

  with stage.check("light and dark have enough contrast, and a phone scrolls only downwards"):
    backgrounds = set()
    for width, height, is_phone in ((1280, 900, False), (1900, 1000, False), (800, 900, False), (360, 740, True)):
      page.resize(width, height, is_phone)
      for scheme in ("light", "dark"):
        page.prefer(scheme)
        backgrounds.add(page.run("return getComputedStyle(document.body).backgroundColor"))
        expect_equal(page.run(CONTRAST), [], f"texts of too little contrast, {scheme}, {width} pixels")
        expect_equal(page.run("return document.documentElement.scrollWidth"), width, "width of the page")
    expect_equal(len(backgrounds), 2, f"backgrounds {backgrounds}")
    page.click("[aria-label='Drain service/nginx-a']")
    expect_equal(page.run(CONTRAST), [], "texts of too little contrast, dialog")
    expect_equal(page.run("return document.documentElement.scrollWidth"), 360, "width of the page with a dialog")
    page.press("ESCAPE")
    page.resize(1280, 900)
    page.prefer("light")

  with stage.check("a screen reader finds landmarks, headings, tables and a name for each control"):
    tree = page.command("Accessibility.getFullAXTree")["nodes"]
    nodes = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    roles = {role for role, _ in nodes}
    wanted = {"banner", "main", "region", "heading", "table", "columnheader", "rowheader", "cell", "log", "status"}
    expect(wanted <= roles, f"{wanted - roles} is missing")
    named = ("button", "searchbox", "checkbox", "table", "region")
    nameless = [role for role, name in nodes if role in named and not name]
    expect_equal(nameless, [], "controls without a name")


def check_many(stage, page, balancer):
  with stage.check("200 backends: problems first, a filter, and rows that stay what they are"):
    page.open(address(balancer))
    backends = balancer.content["pools"]["service"]["backends"]
    backends.pop()
    port = backends[0]["address"].rpartition(":")[2]
    # One server has all addresses of 127.0.0.0/8 that it does not bind itself; the rest of them refuse.
    more = [{"name": f"more-{number:03}", "address": backends[0]["address"] if number % 50 else f"127.0.1.1:{port}"}
            for number in range(197)]
    balancer.content["pools"]["service"]["backends"] = backends + more
    balancer.reload()
    page.wait("document.querySelector('#headline').textContent.startsWith('4 down')", "that four are down")
    page.wait("document.querySelector('#matches').textContent === '200 backends'", "200 backends")
    rows = page.run("return [...document.querySelectorAll('.backends tbody')].map(each => each.row.name)")
    expect_equal(len(rows), 30, "rows at first")
    expect_equal(rows[:4], [f"more-{number:03}" for number in (0, 50, 100, 150)], "the first rows")
    page.click(".more button")
    page.wait("document.querySelectorAll('.backends tbody').length === 200", "all rows")
    # The same elements after two polls: changed, not made anew.
    page.run("window.marked = [...document.querySelectorAll('.backends tbody')]; window.polls = 0;"
             "new MutationObserver(() => window.polls++).observe(document.querySelector('#uptime'), "
             "{ characterData: true, subtree: true, childList: true })")
    page.wait("window.polls >= 2", "two polls")
    expect(page.run("return window.marked.every(row => row.isConnected)"), "rows were made anew")
    page.click("#filter")
    page.press("more-1", " down")
    page.wait("document.querySelectorAll('.backends tbody').length === 2", "two rows")
    clear_filter(page)
    page.click("#problems")
    page.wait("document.querySelectorAll('.backends tbody').length === 4", "four rows")
    page.click("#problems")
    expect_equal(page.complaints(), [], "complaints of the console")
    del balancer.content["pools"]["service"]["backends"][3:]


def check_loss(stage, page, balancer):
  with stage.check("a lost connection is said, and the page goes on when balancer is back"):
    page.complaints()
    balancer.end()
    page.wait("!document.querySelector('#lost').hidden", "that the connection is lost")
    page.wait("document.querySelector('#link').textContent === 'connection lost'", "that the connection is lost")
    expect("cannot be reached" in page.text(), "the page does not say why")
    start_again(balancer)
    page.wait("document.querySelector('#lost').hidden", "that the connection is back", limit=16)
    page.wait("document.querySelector('#log').textContent.includes('started again')", "that it was started again")
    page.wait("document.querySelector('#events-link').textContent === 'live'", "that the events are live", limit=16)
    page.wait("document.querySelector('#headline').textContent.startsWith('All ')", "that all are up")
    # The browser itself writes down each connection that was refused.
    strange = [words for words in page.complaints() if "net::ERR_" not in words]
    expect_equal(strange, [], "complaints of the console")


def check_token(stage, page, balancer, servers):
  with stage.check("with a token the page asks for it, says when it is wrong, and keeps it in the tab alone"):
    balancer.content["admin"]["token"] = TOKEN
    balancer.end()
    start_again(balancer)
    page.complaints()
    page.open(address(balancer))
    page.wait("document.querySelector('#token').open", "the question for the token")
    page.press("wrong", "ENTER")
    page.wait("document.querySelector('#token-error').textContent.includes('not the one')", "that it is wrong")
    page.press(TOKEN, "ENTER")
    page.wait(STATE, "its backends", servers[0].name, "up")
    page.wait("document.querySelector('#events-link').textContent === 'live'", "that the events are live", limit=16)
    page.click(f"[aria-label='Drain service/{servers[0].name}']")
    page.click("#change-do")
    page.wait(STATE, "it drained", servers[0].name, "drained")
    page.open(address(balancer))
    page.wait(STATE, "its backends", servers[0].name, "drained")
    expect_equal(page.run("return [localStorage.length, sessionStorage.length, document.cookie]"), [0, 1, ""],
                 "what is kept")
    expect(not [url for url in page.requests() if TOKEN in url], "the token is in a URL")
    strange = [words for words in page.complaints() if "401" not in words and "net::ERR_" not in words]
    expect_equal(strange, [], "complaints of the console")


def backend(balancer, name):
  """What the API says of a backend."""
  client = http.client.HTTPConnection(balancer.content["admin"]["listen"], timeout=10)
  client.request("GET", "/v1/status")
  pools = json.loads(client.getresponse().read())["pools"]
  client.close()
  return next(each for pool in pools for each in pool["backends"] if each["name"] == name)


def answered(balancer, times):
  """The servers that answered so many requests."""
  client = http.client.HTTPConnection("127.0.0.1", balancer.port, timeout=10)
  names = []
  for _ in range(times):
    client.request("GET", "/")
    answer = client.getresponse()
    expect_equal((answer.status, answer.read()), (200, b"ok"), "answer")
    names.append(answer.headers["X-Server"])
  client.close()
  return names


def await_shown(page, event):
  shown = page.wait("window.shown", "the change")
  logged = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
  expect(shown - logged < WITHIN, f"it was shown {shown - logged:.2f} s after the line in the log")


def tab_to(page, label, most=40):
  """Goes through what can have the focus until it is on what has this name."""
  for _ in range(most):
    if label in page.run("return [document.activeElement.ariaLabel, document.activeElement.innerText]"):
      return
    page.press("TAB")
  raise Failure(f"the tabulator key did not come to {label!r}")


def clear_filter(page):
  page.click("#filter")
  page.press("ESCAPE")
  page.wait("document.querySelector('#filter').value === ''", "an empty filter")
