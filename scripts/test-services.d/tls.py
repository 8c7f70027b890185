"""TLS that balancer ends before an HTTP server, as testssl.sh and sslscan see it: they find no weakness.

The certificates, one for each kind of key, are of an authority made for the run, and carry OCSP responses.
"""

import json
import re
import socket
import ssl
import xml.etree.ElementTree as ElementTree

from certificates import Authority, entry
from commands import Load, expect, expect_equal, run
from failure import Failure

NEEDS = {"openssl": "openssl", "sslscan": "sslscan", "testssl": "testssl.sh"}
LIMIT = 150
NAME = "service.test"

# Mozilla's intermediate profile, version 5.7, without its finite-field groups.
PROTOCOLS = {"ssl 2": "0", "ssl 3": "0", "tls 1.0": "0", "tls 1.1": "0", "tls 1.2": "1", "tls 1.3": "1"}
CIPHERS = {
  "TLSv1.3 TLS_AES_128_GCM_SHA256", "TLSv1.3 TLS_AES_256_GCM_SHA384", "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256",
  *(f"TLSv1.2 ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA")
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")),
}
GROUPS = {
  f"{version} {group}" for version in ("TLSv1.2", "TLSv1.3")
  for group in ("x25519", "secp256r1 (NIST P-256)", "secp384r1 (NIST P-384)")
}

# The sections of testssl.sh, side by side, because it waits most of its time: protocols and kinds of ciphers; forward
# secrecy and the server's preference; what the server shows and its certificates; the known attacks.
SECTIONS = {
  "protocols": ["--protocols", "--standard"], "preference": ["--pfs", "--server-preference"],
  "defaults": ["--server-defaults"], "attacks": ["--vulnerable"],
}
# Together they take 25 s on two idle processors, and three times that on busy ones.
PATIENCE = 120
HARMLESS = ("OK", "INFO")
# What it may find fault with, and why that is none.
ALLOWED = {
  "engine_problem": "about the openssl that it runs with, which has no GOST",
  "cipher_order": "ours counts, except that a client which puts ChaCha20 first gets that: it has no AES in hardware",
  "sessionresumption_ticket": "its client may leave before the ticket of TLS 1.3 is there; there is a check of ours",
}
# What it must have found good: one that is missing has not been looked at.
GOOD = [
  "SSLv2", "SSLv3", "TLS1_2", "TLS1_3", "cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW",
  "cipherlist_STRONG", "PFS", "PFS_ECDHE_curves", "protocol_negotiated", "cipher_negotiated", "heartbleed", "CCS",
  "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS", "BREACH", "POODLE_SSL",
  "fallback_SCSV", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4",
  *(f"{what} <cert#{number}>" for number in (1, 2)
    for what in ("cert_chain_of_trust", "cert_trust", "cert_expirationStatus", "OCSP_stapling", "cert_ocspRevoked")),
]
# What it has no opinion of.
FOUND = {
  "TLS1": "not offered", "TLS1_1": "not offered", "cipherlist_3DES_IDEA": "not offered",
  "cipherlist_AVERAGE": "not offered", "cert_numbers": "2",
}
LONGEST_TICKET = 24 * 3600


def check(stage):
  authority = Authority(stage.folder)
  certificates = [authority.issue(kind, NAME) for kind in ("ecdsa", "rsa")]
  for certificate in certificates:
    authority.staple(certificate)
  balancer = stage.balancer([web(stage)], {}, {"tls": {"certificates": [entry(each) for each in certificates]}})

  with stage.check("sslscan: the protocols, ciphers and groups of Mozilla's intermediate profile, no others"):
    output = stage.folder / "sslscan.xml"
    run(["sslscan", f"--sni-name={NAME}", f"--xml={output}", f"127.0.0.1:{balancer.port}"])
    scan = ElementTree.parse(output).find("ssltest")
    found = {f"{each.get('type')} {each.get('version')}": each.get("enabled") for each in scan.iter("protocol")}
    expect_equal(found, PROTOCOLS, "protocols")
    expect_equal({f"{each.get('sslversion')} {each.get('cipher')}" for each in scan.iter("cipher")}, CIPHERS, "ciphers")
    expect_equal({f"{each.get('sslversion')} {each.get('name')}" for each in scan.iter("group")}, GROUPS, "groups")
    expect_equal({each.get("strength") for each in scan.iter("cipher")} - {"strong", "acceptable"}, set(), "weak ciphers")

  with stage.check("sslscan: no renegotiation, no heartbeat"):
    expect_equal(scan.find("renegotiation").get("supported"), "0", "renegotiation")
    expect_equal([each.get("vulnerable") for each in scan.iter("heartbleed")], ["0", "0"], "heartbleed")

  findings = []
  with stage.check("testssl.sh: all its sections come to their end", limit=PATIENCE):
    findings = testssl(stage, balancer.port, authority)
  by_id = {each["id"]: each for each in findings}

  with stage.check("testssl.sh: nothing of severity LOW or above, and all that must be good was looked at"):
    expect_equal([worded(each) for each in findings if is_fault(each)], [], "faults")
    expect_equal({id: by_id.get(id, {}).get("severity") for id in GOOD}, dict.fromkeys(GOOD, "OK"), "what must be good")
    expect_equal({id: by_id.get(id, {}).get("finding") for id in FOUND}, FOUND, "what must be found")

  with stage.check("testssl.sh: a ticket lives no longer than a day"):
    ticket = by_id.get("TLS_session_ticket", {}).get("finding", "")
    life = re.match(r"valid for (\d+) seconds", ticket)
    expect(life and 0 < int(life[1]) <= LONGEST_TICKET, f"the ticket is {ticket!r}")

  for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    with stage.check(f"a client resumes its session: {version.name}"):
      context = ssl.create_default_context(cafile=authority.certificate)
      context.minimum_version = context.maximum_version = version
      session, was_resumed = visit(context, balancer.port)
      expect(not was_resumed, "the first visit is said to be a resumed session")
      for _ in range(3):
        session, was_resumed = visit(context, balancer.port, session)
        expect(was_resumed, "a session was not resumed")


def web(stage):
  port = stage.ports.next()
  folder = stage.folder / "web"
  folder.mkdir()
  (folder / "index.html").write_text("hello\n")
  return stage.server(
    "web", port, ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, port])


def testssl(stage, port, authority):
  """The findings of all sections."""
  loads = [
    Load(stage, f"testssl-{name}", [
      "testssl", *options, "--warnings", "off", "--quiet", "--color", "0", "--nodns", "none",
      "--add-ca", authority.certificate, "--jsonfile", stage.folder / f"testssl-{name}.json",
      "--ip", "127.0.0.1", f"{NAME}:{port}"])
    for name, options in SECTIONS.items()
  ]
  findings = []
  for load in loads:
    # Its status counts the checks it could not make; they are among the findings.
    load.end(PATIENCE)
    try:
      findings += json.loads((stage.folder / f"{load.name}.json").read_text())
    except (OSError, ValueError) as error:
      raise Failure(f"{load.name} left no findings ({error}): {load.last_words()}") from None
  return findings


def is_fault(finding):
  return finding["severity"] not in HARMLESS and finding["id"] not in ALLOWED


def worded(finding):
  return f"{finding['severity']} {finding['id']}: {finding['finding']}"


def visit(context, port, session=None):
  """The session after a request, and whether it was a resumed one."""
  with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
    with context.wrap_socket(connection, server_hostname=NAME, session=session) as client:
      client.sendall(b"GET / HTTP/1.0\r\n\r\n")
      answer = b""
      while chunk := client.recv(4096):
        answer += chunk
      expect(answer.endswith(b"hello\n"), f"the answer was {answer!r}")
      return client.session, client.session_reused
