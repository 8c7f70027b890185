"""Two PostgreSQL servers with the same data, and pgbench, which checks each answer, while one is killed and comes back."""

import hashlib
import signal
from pathlib import Path

from commands import Load, expect, expect_equal, run
from failure import Failure
from stage import unprivileged

NEEDS = {Path("/usr/lib/postgresql"): "postgresql"}
LIMIT = 75
CLIENTS = 8

# What `pgbench -S` does, and the answer has to be the one that belongs to its account.
CHECKED_SELECT = """
\\set aid random(1, 100000)
SELECT abalance FROM pgbench_accounts WHERE aid = :aid \\gset
\\if :abalance <> (:aid * 7919) % 100003
  SELECT 'wrong answer: ' || :abalance || ' for ' || :aid || '!'::integer;
\\endif
"""


def check(stage):
  global PROGRAMS
  PROGRAMS = programs()
  (stage.folder / "select.sql").write_text(CHECKED_SELECT)
  first, second = servers(stage)
  balancer = stage.balancer([first, second], {"type": "postgresql"}, scheduler="least-connections")

  with stage.check("a large result comes through unchanged, from both servers"):
    question = "SELECT aid, abalance, filler FROM pgbench_accounts ORDER BY aid"
    expected = digest(psql(first.port, question))
    expect_equal({digest(psql(balancer.port, question)) for _ in range(2)}, {expected}, "digests")
    expect_equal(ports(balancer), {first.port, second.port}, "servers that answered")

  with stage.check("the checks leave nothing in the servers' logs"):
    for server in (first, second):
      expect_equal(complaints(server), [], f"log of {server.name}")

  with stage.check("pgbench, a new connection for each transaction: every answer is right"):
    done, aborted, output = result(pgbench(stage, balancer, "-C", "-T", 2))
    expect_equal(aborted, 0, f"aborted clients in {output!r}")
    expect(done > 0, "no transaction was done")

  with stage.check("pgbench with lasting sessions, a server is killed: only those that were on it end"):
    load = pgbench(stage, balancer, "-T", 5)
    lost = await_sessions(first)
    expect_equal((lost, sessions(second)), (CLIENTS // 2, CLIENTS // 2), "sessions of both servers")
    first.kill()
    event = balancer.await_health(first.name, "down")
    done, aborted, output = result(load)
    expect_equal(aborted, lost, f"aborted clients in {output!r}")

  with stage.check("the health log says so, with the reason"):
    expect_equal((event["errno"], event["eligible"]), ("ECONNREFUSED", 1), "errno and eligible backends")

  with stage.check("new connections all the while, the server comes back: no failure, every answer is right"):
    load = pgbench(stage, balancer, "-C", "-T", 5)
    first.start()
    balancer.await_health(first.name, "up", times=2)
    before = transactions(first)
    done, aborted, output = result(load)
    expect_equal(aborted, 0, f"aborted clients in {output!r}")

  with stage.check("it gets its share again"):
    expect(transactions(first) - before > 20, f"{transactions(first) - before} transactions only")
    expect_equal(ports(balancer), {first.port, second.port}, "servers that answered")

  with stage.check("new connections all the while, a server is killed: none fails once that is noticed"):
    load = pgbench(stage, balancer, "-C", "-T", 5)
    await_sessions(second)
    second.kill()
    balancer.await_health(second.name, "down")
    before = load.output()
    done, aborted, output = result(load)
    # Each client has one session at a time, and every other one was on the server.
    expect(aborted <= CLIENTS * 3 // 4, f"{aborted} clients aborted: {output!r}")
    expect_equal(output.count("aborted in"), before.count("aborted in"), f"aborted clients when it was noticed, of {output!r}")


def programs():
  found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
  if not found:
    raise Failure("there is no /usr/lib/postgresql/*/bin")
  return found[-1]


def servers(stage):
  """Two with the same accounts; the balance of each is a number that its id tells."""
  folders = [stage.folder / name for name in ("postgresql-a", "postgresql-b")]
  for folder in folders:
    run([PROGRAMS / "initdb", "-D", folder, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"],
        cwd=stage.folder, **unprivileged())
  found = [server(stage, folder) for folder in folders]
  for each in found:
    await_ready(each)
    run([PROGRAMS / "pgbench", "-i", "-q", *where(each.port)])
    psql(each.port, "UPDATE pgbench_accounts SET abalance = (aid::bigint * 7919) % 100003; CHECKPOINT")
  return found


def server(stage, folder):
  port = stage.ports.next()
  return stage.server(
    folder.name, port,
    [PROGRAMS / "postgres", "-D", folder, "-p", port, "-c", "listen_addresses=127.0.0.1",
     "-c", f"unix_socket_directories={stage.folder}", "-c", "fsync=off", "-c", "shared_buffers=16MB"],
    stop=signal.SIGINT, cwd=stage.folder, **unprivileged())


def await_ready(server):
  """It listens before it serves; limited by the service."""
  while True:
    try:
      return psql(server.port, "SELECT 1")
    except Failure:
      server.child.check_running()


def where(port):
  return ["-h", "127.0.0.1", "-p", port, "-U", "postgres", "postgres"]


def psql(port, question):
  return run([PROGRAMS / "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", question, *where(port)])


def digest(data):
  return hashlib.sha256(data).hexdigest()


def ports(balancer):
  """Those of the servers that some sessions come to."""
  return {int(psql(balancer.port, "SHOW port")) for _ in range(4)}


def pgbench(stage, balancer, *options):
  return Load(stage, "pgbench", [
    PROGRAMS / "pgbench", "-n", "-c", CLIENTS, "-j", CLIENTS, "-f", stage.folder / "select.sql", *options, *where(balancer.port)])


def sessions(server):
  return int(psql(server.port, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'"))


def await_sessions(server):
  """Until pgbench has its sessions there; limited by the check."""
  while (count := sessions(server)) < CLIENTS // 2 - 1:
    pass
  return count


def transactions(server):
  return int(psql(server.port, "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"))


def result(load):
  """Transactions done, clients aborted, and the output. An answer that is wrong is a failure whatever the rest."""
  status, output = load.end(20)
  expect("wrong answer" not in output and "invalid input syntax" not in output, f"a wrong answer: {output!r}")
  aborted = output.count("aborted in") + output.count("aborted while")
  expect(status == (2 if aborted else 0), f"pgbench ended with status {status}: {output!r}")
  for line in output.splitlines():
    if line.startswith("number of transactions actually processed: "):
      return int(line.rpartition(" ")[2].partition("/")[0]), aborted, output
  raise Failure(f"pgbench counted nothing: {output!r}")


def complaints(server):
  """Lines of its log that a client or a check has caused."""
  lines = server.log.read_text(errors="replace").splitlines()
  return [line for line in lines if any(word in line for word in ("FATAL", "ERROR", "could not", "unsupported", "invalid"))]
