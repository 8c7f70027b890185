"""`balancer top` on a real terminal, in windows of two sizes, and the completions as the shells themselves show them."""

import http.client
import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import packages
import screen
from commands import expect, expect_equal, run
from failure import Failure
from screen import Screen

NEEDS = {"bash": "bash", "zsh": "zsh", "fish": "fish", **screen.NEEDS}
LIMIT = 120
PROMPT = "ready> "
COLOUR = re.compile(r"\033\[(\d+;)*3[0-7][;m]")


def check(stage):
  program = stage.folder / "balancer"
  program.symlink_to(Path(stage.binary).resolve())
  servers = [server(stage, name) for name in ("alpha", "beta")]
  alpha, beta = servers
  balancer = balancer_of(stage, servers)
  session = socket.create_connection(("127.0.0.1", balancer.port))

  with stage.check("top fits 80×24 and shows what the log says"):
    top = open_top(stage, 80, 24)
    lines = top.wait("two backends that are up", lambda lines: lines if rows(lines) == {"alpha": "up", "beta": "up"} else None)
    expect_equal(len(lines), 24, "lines")
    expect(lines[0].startswith("balancer ") and f"process {balancer.child.pid}" in lines[0], f"first line {lines[0]!r}")
    expect("BACKEND" in lines[4] and "ERR/S" in lines[4] and "CONN99" in lines[4], f"titles {lines[4]!r}")
    expect(lines[23].startswith("q quit") and lines[23].endswith("? help"), f"last line {lines[23]!r}")

  with stage.check("a backend goes down, with the reason, and comes up again"):
    top = open_top(stage, 80, 24)
    alpha.kill()
    balancer.await_health("alpha", "down")
    top.wait("alpha down", lambda lines: rows(lines).get("alpha") == "down")
    # The worst is first, and chosen: the line below tells of it.
    top.wait_for_line("service/alpha: ", "connection refused (ECONNREFUSED)")
    expect(next(iter(rows(top.lines()))) == "alpha", "what is down comes first")
    alpha.start()
    balancer.await_health("alpha", "up", times=2)
    top.wait("alpha up", lambda lines: rows(lines).get("alpha") == "up")

  with stage.check("keys sort and filter"):
    top = open_top(stage, 80, 24)
    top.press("s")
    top.wait("sorting by the time", lambda lines: "SINCE▼" in lines[4])
    top.press("r")
    top.wait("the other way round", lambda lines: "SINCE▲" in lines[4])
    top.press("Left", "Left")
    top.wait("sorting by the name", lambda lines: "BACKEND▼" in lines[4] and list(rows(lines)) == ["alpha", "beta"])
    top.press("r")
    top.wait("names backwards", lambda lines: list(rows(lines)) == ["beta", "alpha"])
    top.type("/alp")
    top.wait("alpha alone", lambda lines: list(rows(lines)) == ["alpha"] and lines[23] == "filter: alp_")
    top.press("Enter")
    top.wait_for_line("filter: alp (1 shown")
    top.press("Escape")
    top.wait("all again", lambda lines: len(rows(lines)) == 2)
    top.press("Tab")
    top.wait("pools", lambda lines: lines[4].startswith("POOL"))
    top.press("?")
    top.wait("the help", lambda lines: "keys and columns" in lines[0])

  with stage.check("a key drains a backend after a question, and enables it"):
    top = open_top(stage, 80, 24)
    top.type("/beta")
    top.press("Enter", "d")
    top.wait_for_line("Drain service/beta?", "y/n")
    top.press("n")
    top.wait_for_line("nothing done")
    expect_equal(state(balancer, "beta"), "up", "state after a no")
    top.press("d")
    top.wait_for_line("Drain service/beta?")
    top.press("y")
    top.wait("beta drained", lambda lines: rows(lines).get("beta") == "drained")
    top.wait_for_line("service/beta is drained")
    expect_equal(state(balancer, "beta"), "drained", "state after a yes")
    top.press("e")
    top.wait_for_line("Enable service/beta again?")
    top.press("y")
    top.wait("beta up", lambda lines: rows(lines).get("beta") == "up")

  with stage.check("it follows the window's size"):
    top = open_top(stage, 80, 24)
    expect("WEIGHT" not in top.lines()[4], "80 columns have no room for the weight")
    top.resize(120, 40)
    lines = top.wait(
      "more columns", lambda lines: lines if len(lines) == 40 and "WEIGHT" in lines[4] and lines[39].startswith("q quit") else None)
    expect(all(len(line) <= 120 for line in lines), "no line is wider")
    top.resize(40, 10)
    top.wait("the last line on the tenth", lambda lines: len(lines) == 10 and lines[9].startswith("q quit"))
    top.resize(80, 24)
    top.wait("the last line on the last", lambda lines: lines[23].startswith("q quit"))

  with stage.check("120×40 from the start"):
    top = open_top(stage, 120, 40)
    top.wait("all of it", lambda lines: len(lines) == 40 and "WEIGHT" in lines[4] and len(rows(lines)) == 2)

  for title, ending in [
      ("q", lambda top: top.press("q")), ("Ctrl-C", lambda top: top.press("C-c")),
      ("SIGTERM", lambda top: os.kill(top_of(top), signal.SIGTERM)),
      ("SIGHUP", lambda top: os.kill(top_of(top), signal.SIGHUP))]:
    with stage.check(f"{title} gives the screen back as it was"):
      shell = open_shell(stage, 80, 24)
      before = modes(shell)
      shell.type("clear; echo before")
      shell.press("Enter")
      shell.wait_for_line("before")
      shell.type("balancer top")
      shell.press("Enter")
      shell.wait("top", lambda lines: len(rows(lines)) == 2)
      expect(cursor(shell) == "0", "no cursor")
      ending(shell)
      shell.wait("the former screen", lambda lines: lines[0] == "before" and lines[1] == PROMPT + "balancer top")
      expect(cursor(shell) == "1", "the cursor is there again")
      expect_equal(modes(shell), before, "modes of the terminal")

  with stage.check("Ctrl-Z stops it on the former screen, and fg brings it back"):
    shell = open_shell(stage, 80, 24)
    before = modes(shell)
    shell.type("balancer top")
    shell.press("Enter")
    shell.wait("top", lambda lines: len(rows(lines)) == 2)
    shell.press("C-z")
    shell.wait("the shell", lambda lines: any("Stopped" in line for line in lines))
    expect_equal(modes(shell), before, "modes of the terminal")
    shell.type("fg")
    shell.press("Enter")
    shell.wait("top", lambda lines: len(rows(lines)) == 2)
    shell.press("q")
    shell.wait("the shell", lambda lines: PROMPT.strip() in lines and "balancer top" in lines)

  with stage.check("it survives the program that it watches"):
    top = open_top(stage, 80, 24)
    balancer.child.kill()
    top.wait_for_line(f"127.0.0.1:{admin(balancer)} does not answer", "connection refused")
    balancer.start()
    top.wait("the new process", lambda lines: f"process {balancer.child.pid}" in lines[0] and not lines[3])

  with stage.check("looks and letters are only what the terminal has"):
    plain = open_top(stage, 80, 24, NO_COLOR="1")
    plain.wait("the chosen row and no colours", lambda _: "\033[7m" in looks(plain) and not COLOUR.search(looks(plain)))
    ascii = open_top(stage, 80, 24, LC_ALL="C")
    ascii.wait("ASCII", lambda lines: "STATEv" in lines[4] and all(line.isascii() for line in lines))
    coloured = open_top(stage, 80, 24)
    coloured.wait("colours", lambda _: "\033[7m" in looks(coloured) and COLOUR.search(looks(coloured)))
    dumb = open_shell(stage, 100, 50, TERM="dumb")
    dumb.type("TERM=dumb balancer top --count 2 --interval 250ms")
    dumb.press("Enter")
    dumb.wait("two pictures, one after the other", lambda lines: sum(line.startswith("BACKEND") for line in lines) == 2)

  completions(stage)
  session.close()


def completions(stage):
  """What a Tab makes of the line before the cursor, in each shell as somebody has installed the completions."""
  run_program(stage, "completions", "bash", into=stage.folder / "complete.bash")
  run_program(stage, "completions", "zsh", into=stage.folder / "_balancer")
  run_program(stage, "completions", "fish", into=stage.folder / "complete.fish")
  for name, command, setup in [
      ("bash", ["bash", "--norc", "--noprofile"], f"PS1='{PROMPT}'; source ./complete.bash"),
      ("zsh", ["zsh", "-f"],
       f"PS1='{PROMPT}'; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D"),
      ("fish", ["fish", "--no-config"],
       f"function fish_prompt; echo -n '{PROMPT}'; end; source complete.fish")]:
    with stage.check(f"{name} completes commands, backends and files"):
      shell = Screen(stage, f"shell-{name}", 100, 24, command, PATH=path(stage))
      shell.type(setup)
      shell.press("Enter")
      shell.wait("a prompt", lambda lines: any(line.strip() == PROMPT.strip() for line in lines))
      for typed, completed in [
          ("balancer dra", "balancer drain"), ("balancer drain service/al", "balancer drain service/alpha"),
          ("balancer weight service/beta res", "balancer weight service/beta reset"),
          ("balancer status --config balancer.j", "balancer status --config balancer.json")]:
        # Not Ctrl-C, which throws away what is typed behind it.
        shell.press("C-u", "C-l")
        shell.type(typed)
        shell.press("Tab")
        shell.wait_for_line(PROMPT + completed)


# What is looked at

def rows(lines):
  """The backends of the list in their order, and their states."""
  found = {}
  for line in lines:
    words = line.split()
    # The line below the list has a colon.
    if len(words) > 2 and words[0].startswith("service/") and not words[0].endswith(":"):
      found[words[0].removeprefix("service/")] = words[1]
  return found


def modes(shell):
  """Of the terminal, as stty has them."""
  marker = f"modes-{time.monotonic_ns()}"
  shell.type(f"clear; stty -a | tr -d '\\n' | fold -w 78; echo; echo {marker}")
  shell.press("Enter")
  lines = shell.wait("stty", lambda lines: lines if marker in lines else None)
  return [line for line in lines[:lines.index(marker)] if "stty" not in line]


def looks(top):
  return "\n".join(top.lines(looks=True))


def cursor(shell):
  return shell.tmux("display-message", "-p", "#{cursor_flag}").decode().strip()


def top_of(shell):
  """The process of `top` in a shell's window."""
  pane = int(shell.tmux("display-message", "-p", "#{pane_pid}"))
  for child in Path(f"/proc/{pane}/task/{pane}/children").read_text().split():
    if b"top" in Path(f"/proc/{child}/cmdline").read_bytes():
      return int(child)
  raise Failure("no top runs in the window")


def state(balancer, name):
  connection = http.client.HTTPConnection("127.0.0.1", admin(balancer), timeout=10)
  connection.request("GET", "/v1/status")
  status = json.load(connection.getresponse())
  return next(each["state"] for each in status["pools"][0]["backends"] if each["name"] == name)


# What is started

def server(stage, name):
  port = stage.ports.next()
  return stage.server(name, port, [stage.folder / "balancer", "demo-backend", "--port", port])


def balancer_of(stage, servers):
  return stage.balancer(servers, {"rise": 1}, more={"admin": {"listen": f"127.0.0.1:{stage.ports.next()}"}})


def admin(balancer):
  return int(balancer.content["admin"]["listen"].rpartition(":")[2])


def path(stage):
  return f"{stage.folder}:{os.environ['PATH']}"


def open_top(stage, columns, rows_, **variables):
  name = f"top-{len(list(stage.folder.glob('*.tmux')))}"
  top = Screen(stage, name, columns, rows_, ["balancer", "top", "--interval", "250ms"], PATH=path(stage), **variables)
  top.wait("the backends", lambda lines: len(rows(lines)) == 2)
  return top


def open_shell(stage, columns, rows_, **variables):
  name = f"shell-{len(list(stage.folder.glob('*.tmux')))}"
  shell = Screen(
    stage, name, columns, rows_, ["bash", "--norc", "--noprofile"], PATH=path(stage), PS1=PROMPT, **variables)
  shell.wait_for_line(PROMPT.strip())
  return shell


def run_program(stage, *arguments, into):
  into.write_bytes(run([stage.folder / "balancer", *arguments]))
