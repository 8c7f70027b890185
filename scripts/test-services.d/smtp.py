"""Two SMTP servers (aiosmtpd): mails through balancer, and checks that greet and leave as a client should."""

import email
import os
import re
import signal
import smtplib
import time
from email.message import EmailMessage
from pathlib import Path

from commands import expect, expect_equal

NEEDS = {Path("/usr/lib/python3/dist-packages/aiosmtpd"): "python3-aiosmtpd"}
LIMIT = 25
MAILS = 10
CHECK = ["220", "QUIT", "221"]


def check(stage):
  first, second = (smtpd(stage, name) for name in ("smtpd-a", "smtpd-b"))
  balancer = stage.balancer([first, second], {"type": "smtp"})

  with stage.check("mails of up to 1 MiB arrive as they were sent, at both servers"):
    sent = {}
    for number in range(MAILS):
      mail = EmailMessage()
      mail["Subject"] = f"number {number}"
      mail.set_content("hello\n..\n.\n")
      mail.add_attachment(os.urandom(number * 100_000), maintype="application", subtype="octet-stream")
      with smtplib.SMTP("127.0.0.1", balancer.port, timeout=10) as client:
        client.send_message(mail, "sender@example.com", ["receiver@example.com"])
      sent[mail["Subject"]] = content(mail)
    found = [mails(stage, server) for server in (first, second)]
    expect_equal([len(each) for each in found], [MAILS // 2] * 2, "mails at each server")
    expect(found[0] | found[1] == sent, "a mail is not what was sent")

  with stage.check("each check is greeted, says QUIT and is let go with 221; nobody else came"):
    for server in (first, second):
      while conversations(server).count(CHECK) < 3:
        time.sleep(0.1)
      others = [words for words in conversations(server) if words != CHECK]
      expect_equal([words for words in others if not is_mail(words)], [], f"other conversations of {server.name}")
      expect_equal(len(others), MAILS // 2, f"mails by the log of {server.name}")

  with stage.check("a server stops: mails go to the other at once, and the health log has the reason"):
    first.stop()
    for _ in range(5):
      with smtplib.SMTP("127.0.0.1", balancer.port, timeout=10) as client:
        expect_equal(client.noop()[0], 250, "answer to NOOP")
    event = balancer.await_health(first.name, "down")
    expect_equal((event["errno"], event["eligible"]), ("ECONNREFUSED", 1), "errno and eligible backends")

  with stage.check("it is started again"):
    first.start()
    balancer.await_health(first.name, "up", times=2)


def smtpd(stage, name):
  port = stage.ports.next()
  return stage.server(
    name, port,
    ["/usr/bin/python3", "-m", "aiosmtpd", "-n", "-dd", "-l", f"127.0.0.1:{port}", "-c", "aiosmtpd.handlers.Mailbox",
     stage.folder / f"{name}-mails"],
    stop=signal.SIGINT)


def mails(stage, server):
  """The content of each mail by its subject."""
  found = {}
  for path in (stage.folder / f"{server.name}-mails" / "new").iterdir():
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    found[mail["Subject"]] = content(mail)
  return found


def content(mail):
  return [part.get_content() for part in mail.iter_parts()]


def conversations(server):
  """The words of each session that is over: the client's commands and the server's codes, by its log."""
  under_way, over = {}, []
  for line in server.log.read_text(errors="replace").splitlines():
    if found := re.search(r"Peer: (\(.+\))$", line):
      under_way[found[1]] = []
    elif found := re.search(r":(\(.+?\)) (?:>>|<<) b'(\w+)", line):
      under_way[found[1]].append(found[2].upper())
    elif found := re.search(r":(\(.+?\)) connection lost$", line):
      over.append(under_way.pop(found[1]))
  return over


def is_mail(words):
  return words[:2] == ["220", "EHLO"] and "DATA" in words and words[-2:] == ["QUIT", "221"]
