"""Routes in the words of each proxy: prefixes of one segment under hosts, all of them to the same backend."""

PREFIXES = 10
# As many requests as wrk takes in turn.
MOST_TARGETS = 1000


def routes(count):
  """Host and prefix of each."""
  return [(f"h{number // PREFIXES}.bench", f"/p{number % PREFIXES}/") for number in range(count)]


def targets(count):
  """Host and path of requests that take routes from all over the list, each time the same ones."""
  return [(host, f"{prefix}item") for host, prefix in routes(count)[:: -(-count // MOST_TARGETS)]]


def balancer(count):
  if not count:
    return ""
  entries = ", ".join(
    f'{{ "match": {{ "host": "{host}", "pathPrefix": "{prefix[:-1]}" }}, "pool": "bench" }}'
    for host, prefix in routes(count))
  return f'"routes": [{entries}],'


def haproxy(count, folder):
  if not count:
    return ""
  file = folder / f"haproxy-{count}.map"
  file.write_text("".join(f"{host}{prefix} bench\n" for host, prefix in routes(count)))
  return f"  use_backend %[base,map_beg({file})]"


def nginx(count, listen):
  servers = {}
  for host, prefix in routes(count):
    servers.setdefault(host, []).append(f"    location {prefix} {{ proxy_pass http://bench; }}\n")
  return "".join(
    f"  server {{\n    listen 127.0.0.1:{listen};\n    server_name {host};\n{''.join(locations)}  }}\n"
    for host, locations in servers.items())
