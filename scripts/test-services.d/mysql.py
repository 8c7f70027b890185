"""Two MariaDB servers behind checks that log in, and the client's own program."""

import hashlib
import os

import packages
from commands import expect_equal, run
from stage import unprivileged

NEEDS = {"mariadbd": "mariadb-server", "mariadb": "mariadb-client"}
LIMIT = 45
PASSWORD = "between us"


def check(stage):
  first, second = servers(stage)
  balancer = stage.balancer([first, second], {"type": "mysql", "user": "balancer"})

  with stage.check("a client logs in and is answered, by both servers"):
    expect_equal(ports(balancer), {first.port, second.port}, "servers that answered")

  with stage.check("4 MiB go in and come out as they were"):
    text = os.urandom(2 << 20).hex()
    found = ask(
      balancer.port,
      f"CREATE TEMPORARY TABLE test.t (x LONGTEXT); INSERT INTO test.t VALUES ('{text}'); SELECT MD5(x), x FROM test.t")
    expect_equal(found.decode().split(), [hashlib.md5(text.encode()).hexdigest(), text], "answer")

  with stage.check("many short sessions in a row"):
    for number in range(50):
      expect_equal(int(ask(balancer.port, f"SELECT {number} * 3")), number * 3, "answer")

  with stage.check("the checks count as logins: no connection was aborted, nothing is logged"):
    for server in (first, second):
      status = ask(server.port, "SHOW GLOBAL STATUS LIKE 'Aborted%'").decode()
      counted = dict(line.split() for line in status.splitlines())
      expect_equal((counted["Aborted_connects"], counted["Aborted_clients"]), ("0", "0"), f"aborted of {server.name}")
      lines = server.log.read_text(errors="replace").splitlines()
      expect_equal([line for line in lines if "borted" in line or "denied" in line], [], f"log of {server.name}")

  with stage.check("a server is killed: new sessions go to the other at once, and the health log has the reason"):
    first.kill()
    for _ in range(10):
      expect_equal(int(ask(balancer.port, "SELECT @@port")), second.port, "server that answered")
    event = balancer.await_health(first.name, "down")
    expect_equal((event["errno"], event["eligible"]), ("ECONNREFUSED", 1), "errno and eligible backends")

  with stage.check("it is started again and serves again", limit=30):
    first.start()
    balancer.await_health(first.name, "up", times=2, limit=20)
    expect_equal(ports(balancer), {first.port, second.port}, "servers that answered")


def servers(stage):
  """Two with the accounts of the check and the client; the second's data are a copy of the first's."""
  folders = [stage.folder / name for name in ("mariadb-a", "mariadb-b")]
  run([packages.find("mariadb-install-db"), "--no-defaults", f"--datadir={folders[0]}", "--skip-test-db",
       "--auth-root-authentication-method=normal", "--skip-log-bin"], limit=30, **unprivileged())
  run(["cp", "-a", *folders])
  found = [server(stage, folder) for folder in folders]
  for each in found:
    run(client(each.port, "root"), input=f"""
      CREATE DATABASE test;
      CREATE USER 'balancer'@'127.0.0.1';
      CREATE USER 'client'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
      GRANT ALL ON test.* TO 'client'@'127.0.0.1';
      FLUSH STATUS;
    """.encode())
  return found


def server(stage, folder):
  port = stage.ports.next()
  return stage.server(
    folder.name, port,
    [packages.find("mariadbd"), "--no-defaults", f"--datadir={folder}", "--bind-address=127.0.0.1", f"--port={port}",
     f"--socket={folder}/s", f"--pid-file={folder}/pid", "--skip-name-resolve", "--max-allowed-packet=16M",
     "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0"],
    **unprivileged())


def client(port, user):
  return [packages.find("mariadb"), "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={port}",
          f"--user={user}", "--batch", "--skip-column-names", "--max-allowed-packet=16M"]


def ports(balancer):
  """Those of the servers that some sessions come to."""
  return {int(ask(balancer.port, "SELECT @@port")) for _ in range(4)}


def ask(port, question):
  return run([*client(port, "client"), f"--password={PASSWORD}"], input=question.encode())
