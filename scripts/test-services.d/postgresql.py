"""Two PostgreSQL servers with the same data, and pgbench, which checks each answer, while one is killed and returns."""

import hashlib
import signal
import subprocess
from pathlib import Path

from commands import Load, expect, expect_equal, run
from failure import Failure
from stage import unprivileged

VERSIONS = Path("/usr/lib/postgresql")
NEEDS = {VERSIONS: "postgresql"}
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
  (stage.folder / "select.sql").write_text(CHECKED_SELECT)
  found = servers(stage)
  try:
    check_sessions(stage, *found)
  finally:
    for each in found:
      forget_shared_memory(each)


def check_sessions(stage, first, second):
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
    lost = await_sessions(first, second)
    expect(0 < lost < CLIENTS, f"{lost} of {CLIENTS} sessions were on {first.name}")
    first.kill()
    balancer.await_health(first.name, "down")
    done, aborted, output = result(load)
    expect_equal(aborted, lost, f"aborted clients in {output!r}")

  with stage.check("the health log says so, with the reason"):
    event = balancer.await_health(first.name, "down")
    expect_equal((event["errno"], event["eligible"]), ("ECONNREFUSED", 1), "errno and eligible backends")

  with stage.check("new connections all the while, the server comes back: no failure, and it gets its share again"):
    load = pgbench(stage, balancer, "-C", "-T", 5)
    first.start()
    balancer.await_health(first.name, "up", times=2)
    before = transactions(first)
    done, aborted, output = result(load)
    expect_equal(aborted, 0, f"aborted clients in {output!r}")
    expect(transactions(first) - before > 20, f"{transactions(first) - before} transactions only")
    expect_equal(ports(balancer), {first.port, second.port}, "servers that answered")

  with stage.check("new connections all the while, a server is killed: none fails once that is noticed"):
    load = pgbench(stage, balancer, "-C", "-T", 5)
    while not sessions(second):
      pass
    second.kill()
    balancer.await_health(second.name, "down")
    noticed = aborts(load.output())
    done, aborted, output = result(load)
    # Each client has one session at a time, and only some of them were on that server.
    expect(aborted < CLIENTS, f"all clients aborted: {output!r}")
    expect_equal(aborted, noticed, f"aborted clients when it was noticed, of {output!r}")


def program(name):
  """Of the newest version that is installed."""
  found = sorted(VERSIONS.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
  if not found:
    raise Failure(f"there is no {VERSIONS}/*/bin/{name}")
  return found[-1]


def servers(stage):
  """Two with the same accounts; the balance of each is a number that its id tells."""
  folders = [stage.folder / name for name in ("postgresql-a", "postgresql-b")]
  for folder in folders:
    run([program("initdb"), "-D", folder, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"],
        cwd=stage.folder, **unprivileged())
  found = [server(stage, folder) for folder in folders]
  for each in found:
    await_ready(each)
    run([program("pgbench"), "-i", "-q", *where(each.port)])
    psql(each.port, "UPDATE pgbench_accounts SET abalance = (aid::bigint * 7919) % 100003; CHECKPOINT")
  return found


def server(stage, folder):
  port = stage.ports.next()
  return stage.server(
    folder.name, port,
    [program("postgres"), "-D", folder, "-p", port, "-c", "listen_addresses=127.0.0.1",
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
  return run([program("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", question, *where(port)])


def digest(data):
  return hashlib.sha256(data).hexdigest()


def ports(balancer):
  """Those of the servers that some sessions come to."""
  return {int(psql(balancer.port, "SHOW port")) for _ in range(4)}


def pgbench(stage, balancer, *options):
  return Load(stage, "pgbench", [
    program("pgbench"), "-n", "-c", CLIENTS, "-j", CLIENTS, "-f", stage.folder / "select.sql", *options,
    *where(balancer.port)])


def sessions(server):
  return int(psql(server.port, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'"))


def await_sessions(first, second):
  """Those of the first server when all clients have theirs; limited by the check."""
  while (found := sessions(first)) + sessions(second) < CLIENTS:
    pass
  return found


def transactions(server):
  return int(psql(server.port, "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"))


def result(load):
  """Transactions done, clients aborted, and the output. An answer that is wrong is a failure whatever the rest."""
  status, output = load.end(20)
  expect("wrong answer" not in output and "invalid input syntax" not in output, f"a wrong answer: {output!r}")
  aborted = aborts(output)
  expect(status == (2 if aborted else 0), f"pgbench ended with status {status}: {output!r}")
  for line in output.splitlines():
    if line.startswith("number of transactions actually processed: "):
      return int(line.rpartition(" ")[2].partition("/")[0]), aborted, output
  raise Failure(f"pgbench counted nothing: {output!r}")


def aborts(output):
  """Clients that gave up, which pgbench's do at the first failure."""
  return output.count("aborted in") + output.count("aborted while")


def complaints(server):
  """Lines of its log that a client or a check has caused."""
  lines = server.log.read_text(errors="replace").splitlines()
  words = ("FATAL", "ERROR", "could not", "unsupported", "invalid")
  return [line for line in lines if any(word in line for word in words)]


def forget_shared_memory(server):
  """Removes what a killed PostgreSQL leaves in the kernel, unless its next start has taken it over.

  The last words of postmaster.pid's seventh line are the key and the id of the segment."""
  file = server.stage.folder / server.name / "postmaster.pid"
  if server.child.process.poll() is not None and file.exists():
    lines = file.read_text().splitlines()
    if len(lines) > 6 and lines[6].split():
      subprocess.run(["ipcrm", "--shmem-id", lines[6].split()[-1]], capture_output=True)
