"""Requests of Python's http.client, with what came of them."""

import contextlib
import http.client
import ssl


@contextlib.contextmanager
def connection(port, source="127.0.0.1", tls=False, limit=10):
  """One connection, which is closed in the end."""
  options = {"timeout": limit, "source_address": (source, 0)}
  if tls:
    # Who answers is not the question where this is used.
    client = http.client.HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context(), **options)
  else:
    client = http.client.HTTPConnection("127.0.0.1", port, **options)
  try:
    yield client
  finally:
    client.close()


def exchange(client, target="/", method="GET", body=None, headers=None):
  """Status, content and fields of the answer to a request on a connection."""
  client.request(method, target, body=body, headers=headers or {})
  answer = client.getresponse()
  return answer.status, answer.read(), answer.headers


def ask(port, target="/", source="127.0.0.1", tls=False, **request):
  """Status, content and fields of an answer, over a connection of its own."""
  with connection(port, source, tls) as client:
    return exchange(client, target, **request)
