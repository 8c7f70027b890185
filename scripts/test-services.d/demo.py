"""`balancer demo` as scripts/run starts it, in a real browser: its own page, and the dashboard."""

import os
import re
import signal
import time
from pathlib import Path

import browser
from browser import Browser
from commands import Load, expect, expect_equal
from failure import Failure
from ports import is_listening

NEEDS = browser.NEEDS
LIMIT = 45
ROOT = Path(__file__).resolve().parent.parent.parent


def check(stage):
  with Browser(stage) as page:
    check_page(stage, page)
    check_dashboard(stage, page)


def check_page(stage, page):
  with stage.check("each request of a browser comes from the next backend, and none fails while one is killed"):
    if taken := [port for port in (9001, 9002, 9003, 9900) if is_listening(port)]:
      raise Failure(f"the demo needs the ports {taken}, which somebody listens on")
    demo = Load(stage, "demo", [stage.binary, "demo"], cwd=ROOT)
    await_line(demo, "ready", *(f"127.0.0.1:{port} UP" for port in (9001, 9002, 9003)))
    names = []
    for _ in range(6):
      page.open("http://127.0.0.1:8080/")
      names.append(page.run("return document.querySelector('h1').innerText"))
    expect(len(set(names)) == 3 and names[:3] == names[3:], f"these answered: {names}")
    # Requests as fast as they are answered, on the connections that the browser keeps.
    page.run("""
      window.answers = [];
      window.isOn = true;
      (async () => {
        while (window.isOn) {
          try {
            const answer = await fetch("/", { headers: { Accept: "text/plain" } });
            window.answers.push(`${answer.status} ${(await answer.text()).trim()}`);
          } catch (error) { window.answers.push(String(error)); }
        }
      })();
    """)
    page.wait("window.answers.length > 60", "60 answers")
    os.kill(int(re.search(r"127\.0\.0\.1:9002 is process (\d+)", demo.output())[1]), signal.SIGKILL)
    await_line(demo, "127.0.0.1:9002 DOWN")
    page.run("window.mark = window.answers.length")
    page.wait("window.answers.length > window.mark + 60", "60 more answers")
    page.run("window.isOn = false")
    answers = page.run("return window.answers")
    failed = [answer for answer in answers if not answer.startswith("200 ")]
    expect_equal(failed, [], "failed requests")
    expect_equal(len(set(answers[:60])), 3, "backends that answered before")
    expect_equal(len(set(answers[-50:])), 2, "backends that answered after")
    connects = page.run("""
      return performance.getEntriesByType("resource").filter(each => each.connectEnd > each.connectStart).length""")
    expect(connects <= 2, f"{connects} connections for {len(answers)} requests")
    expect_equal(page.complaints(), [], "complaints of the console")


def check_dashboard(stage, page):
  with stage.check("the address of the dashboard, which the demo prints, has it"):
    demo = Load(stage, "demo", [stage.binary, "demo"], cwd=ROOT)
    await_line(demo, "ready")
    page.open(re.search(r"http://\S+:9900/", demo.output())[0])
    page.wait("document.querySelector('#headline').textContent.startsWith('All 3 backends')", "that all are up")


def await_line(child, *parts, limit=10):
  """Until each of these is in what a program has written."""
  deadline = time.monotonic() + limit
  while missing := [part for part in parts if part not in child.output()]:
    child.check_running()
    if time.monotonic() > deadline:
      raise Failure(f"{child.name} did not write {missing[0]!r} within {limit} s")
    time.sleep(0.02)
