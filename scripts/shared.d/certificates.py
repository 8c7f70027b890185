"""Certificates of an authority that is made for one run, by openssl(1)."""

import secrets
import subprocess
from pathlib import Path

from failure import Failure

# The arguments of `openssl req -newkey` by the kind of a key.
KINDS = {"ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}
# Less than the 90 that scanners want, more than those in which they see one that is about to expire.
DAYS = 80

LEAF = """
subjectAltName = DNS:{name}
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
authorityInfoAccess = OCSP;URI:http://127.0.0.1/
"""


class Authority:
  def __init__(self, folder):
    self.folder = folder
    self.certificate, self.key = folder / "ca.pem", folder / "ca.key"
    openssl(
      "req", "-x509", *new_key("ecdsa", self.key), "-out", self.certificate, "-subj", "/CN=Authority of this run",
      "-days", DAYS, "-addext", "keyUsage = critical, keyCertSign, cRLSign")

  def issue(self, kind, name):
    """The path of KIND.pem, a certificate for a server name and its chain; the key is KIND.key beside it."""
    certificate, request, extensions = (self.folder / f"{kind}.{ending}" for ending in ("pem", "csr", "ext"))
    extensions.write_text(LEAF.format(name=name))
    openssl("req", *new_key(kind, self.folder / f"{kind}.key"), "-out", request, "-subj", f"/CN={name}")
    openssl(
      "x509", "-req", "-in", request, "-out", certificate, "-CA", self.certificate, "-CAkey", self.key,
      "-days", DAYS, "-set_serial", f"0x4{secrets.token_hex(15)}", "-extfile", extensions)
    # A server sends its whole chain, and an OCSP response can be matched by it alone.
    certificate.write_text(certificate.read_text() + self.certificate.read_text())
    return certificate

  def staple(self, certificate):
    """Writes the OCSP response that the certificate is good, as NAME.ocsp beside NAME.pem, and answers its path."""
    index, request, response = (certificate.with_suffix(ending) for ending in (".index", ".request", ".ocsp"))
    serial = openssl("x509", "-in", certificate, "-noout", "-serial").strip().partition("=")[2]
    # A line of openssl-ca(1)'s database: valid until 2049, not revoked, and where its file would be.
    index.write_text(f"V\t491231235959Z\t\t{serial}\tunknown\t/CN=any\n")
    openssl("ocsp", "-no_nonce", "-issuer", self.certificate, "-cert", certificate, "-reqout", request)
    openssl(
      "ocsp", "-index", index, "-CA", self.certificate, "-rsigner", self.certificate, "-rkey", self.key,
      "-reqin", request, "-respout", response, "-ndays", 7)
    return response


def new_key(kind, path):
  return ["-newkey", *KINDS[kind], "-noenc", "-keyout", path]


def openssl(*arguments):
  """What it prints."""
  command = ["openssl", *map(str, arguments)]
  done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
  if done.returncode != 0:
    raise Failure(f"openssl {arguments[0]} ended with status {done.returncode}: {done.stderr.strip()}")
  return done.stdout


def entry(certificate: Path):
  """It and its key as balancer.json names them."""
  return {"certificate": str(certificate), "key": str(certificate.with_suffix(".key"))}
