"""Two OpenSSH servers: commands, files both ways, and a session that lives through reloads of balancer."""

import hashlib
import os
import pwd
import subprocess
from pathlib import Path

import packages
from commands import expect, expect_equal, run
from failure import Failure

NEEDS = {"sshd": "openssh-server", "ssh": "openssh-client", "scp": "openssh-client", "ssh-keygen": "openssh-client"}
LIMIT = 45
SIZE = 20 << 20
# Where a server of root locks up the process that talks to strangers; Debian's service makes it at each start.
LOCKED_FOLDER = Path("/run/sshd")


def check(stage):
  made_folder = os.geteuid() == 0 and not LOCKED_FOLDER.exists()
  if made_folder:
    LOCKED_FOLDER.mkdir(mode=0o755)
  try:
    check_sessions(stage)
  finally:
    if made_folder:
      LOCKED_FOLDER.rmdir()


def check_sessions(stage):
  key = make_key(stage, "key")
  first, second = (sshd(stage, name, key) for name in ("sshd-a", "sshd-b"))
  balancer = stage.balancer([first, second], {"type": "tcp", "expect": "SSH-2.0-"})
  write_client_configuration(stage, balancer, key, [first, second])

  with stage.check("a command runs, on both servers"):
    names = [ssh(stage, "echo $SSH_CONNECTION").split()[3] for _ in range(4)]
    expect_equal({int(name) for name in names}, {first.port, second.port}, "servers that answered")

  sent = stage.folder / "sent"
  sent.write_bytes(os.urandom(SIZE))
  there = stage.folder / "there"
  back = stage.folder / "back"
  with stage.check("scp of 20 MiB to a server: the same bytes"):
    scp(stage, sent, f"service:{there}")
    expect_equal(digest(there), digest(sent), "sha256")
  with stage.check("scp of 20 MiB from a server: the same bytes"):
    scp(stage, f"service:{there}", back)
    expect_equal(digest(back), digest(sent), "sha256")

  with stage.check("a session lives on while reloads take its server away and bring it back"):
    with Shell(stage) as shell:
      port = int(shell.ask("echo $SSH_CONNECTION").split()[3])
      backends = balancer.content["pools"]["service"]["backends"]
      gone = next(each for each in backends if each["address"].endswith(f":{port}"))
      backends.remove(gone)
      balancer.reload()
      expect_equal(shell.ask("echo still here"), "still here", "answer of the session")
      others = {int(ssh(stage, "echo $SSH_CONNECTION").split()[3]) for _ in range(3)}
      expect(port not in others, "a new session came to the server that was removed")
      backends.append(gone)
      balancer.reload()
      balancer.await_health(gone["name"], "up", times=2)
      expect_equal(shell.ask("echo and still"), "and still", "answer of the session")

  with stage.check("a server stops: its session goes on, new ones go to the other server"):
    with Shell(stage) as shell:
      port = int(shell.ask("echo $SSH_CONNECTION").split()[3])
      server, other = (first, second) if port == first.port else (second, first)
      server.stop()
      for _ in range(3):
        expect_equal(int(ssh(stage, "echo $SSH_CONNECTION").split()[3]), other.port, "server of a new session")
      event = balancer.await_health(server.name, "down")
      expect_equal((event["errno"], event["sessions"]), ("ECONNREFUSED", 1), "errno and sessions of the health log")
      expect_equal(shell.ask("echo still here"), "still here", "answer of the session")


def make_key(stage, name):
  path = stage.folder / name
  run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path])
  return path


def sshd(stage, name, key):
  port = stage.ports.next()
  program = packages.find("sshd")
  host_key = make_key(stage, f"{name}-key")
  # All on the command line; the machine's own configuration is not read. The client is whoever runs this.
  options = {
    "ListenAddress": f"127.0.0.1:{port}", "HostKey": host_key, "AuthorizedKeysFile": f"{key}.pub", "StrictModes": "no",
    "PidFile": "none", "UsePAM": "no", "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
    "PermitRootLogin": "prohibit-password", "Subsystem": "sftp internal-sftp", "MaxStartups": "100",
  }
  # From version 9.8 on, balancer's checks would be taken for an attack.
  exempt = {"PerSourcePenaltyExemptList": "127.0.0.1"}
  command = [program, "-D", "-e", "-f", "/dev/null"]
  if subprocess.run([*command, "-t", *arguments({**options, **exempt})], capture_output=True).returncode == 0:
    options |= exempt
  return stage.server(name, port, [*command, *arguments(options)])


def arguments(options):
  return [f"-o{name}={value}" for name, value in options.items()]


def write_client_configuration(stage, balancer, key, servers):
  known = [f"[127.0.0.1]:{balancer.port} " + (stage.folder / f"{each.name}-key.pub").read_text() for each in servers]
  (stage.folder / "known_hosts").write_text("".join(known))
  (stage.folder / "ssh_config").write_text(f"""\
Host service
  HostName 127.0.0.1
  Port {balancer.port}
  User {pwd.getpwuid(os.geteuid()).pw_name}
  IdentityFile {key}
  IdentitiesOnly yes
  IdentityAgent none
  BatchMode yes
  StrictHostKeyChecking yes
  UserKnownHostsFile {stage.folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  ConnectTimeout 10
""")


def ssh(stage, command):
  return run(["ssh", "-F", stage.folder / "ssh_config", "service", command]).decode()


def scp(stage, source, target):
  run(["scp", "-q", "-F", stage.folder / "ssh_config", source, target])


def digest(path):
  return hashlib.sha256(path.read_bytes()).hexdigest()


class Shell:
  """A session that stays open: a shell that answers line by line."""

  def __init__(self, stage):
    self.process = subprocess.Popen(
      ["ssh", "-F", stage.folder / "ssh_config", "service", "sh"], text=True, bufsize=1,
      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.process.kill()
    self.process.communicate()

  def ask(self, command):
    try:
      self.process.stdin.write(command + "\n")
    except OSError as error:
      raise Failure(f"the session has ended: {error}") from None
    return self.process.stdout.readline().strip()
