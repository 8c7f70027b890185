"""Programs of Debian packages, which are installed where they are missing."""

import os
import shutil
import subprocess
from pathlib import Path

from failure import Failure

# Where Debian has modules of Python.
PYTHON = Path("/usr/lib/python3/dist-packages")
INSTALL = Path(__file__).resolve().parent.parent / "install"


def find(program):
  """The path of a program; Debian keeps servers in a folder that an ordinary user's PATH leaves out."""
  return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def require(needed):
  """Installs what is missing when root, else says the command that would.

  `needed` has the package of each program; a Path stands for a file that has to be there.
  """
  missing = sorted({package for thing, package in needed.items() if not is_there(thing)})
  if not missing:
    return
  print(f"installing {', '.join(missing)}", flush=True)
  done = subprocess.run([INSTALL, *missing], capture_output=True, text=True, timeout=600)
  if done.returncode != 0:
    raise Failure((done.stderr or done.stdout).strip()[-1000:])


def is_there(thing):
  return thing.exists() if isinstance(thing, Path) else find(thing) is not None
