"""The results as text for the terminal and as docs/benchmarks.md."""

SUBJECT = "balancer"

# The share of the proxy's processor that may go to other programs unmentioned.
QUIET = 0.05


def figure(value, unit):
  """Three significant digits, as far as they say something."""
  if value is None:
    return ""
  digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
  return f"{value:,.{digits}f} {unit}".rstrip()


def terminal(workload, results, titles):
  """The block of one workload."""
  lines = [f"{workload.title}: {workload.cost_title}"]
  for title in titles:
    low, high = results.spread(workload, title)
    line = f"  {title:<10}{figure(results.median(workload, title), workload.unit):>11}"
    line += f"  ({figure(low, '')} to {figure(high, '')})".ljust(20)
    line += figure(results.median(workload, title, "throughput"), workload.throughput_unit).rjust(18)
    p99 = results.median(workload, title, "p99")
    line += f"  p99 {figure(p99, 'ms')}" if p99 is not None else ""
    line += failures(results, workload, title)
    lines.append(line.rstrip())
  disturbed = results.disturbed(workload)
  if disturbed > QUIET:
    lines.append(f"  the machine is busy: {disturbed:.0%} of the proxy's processor went to other programs")
  if SUBJECT in titles:
    for other in titles:
      if other != SUBJECT and results.ratios(workload, SUBJECT, [other]):
        lines.append(f"  {SUBJECT} / {other}: {ratio_range(results, workload, [other])}")
    lines.append(f"  {target_line(workload, results)}")
  return "\n".join(lines)


def ratio_range(results, workload, others):
  ratios = results.ratios(workload, SUBJECT, others)
  if not ratios:
    return ""
  return f"{results.ratio(workload, SUBJECT, others):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def failures(results, workload, title):
  count = results.failed(workload, title)
  return f"  ({count:,} failed)" if count else ""


def target_line(workload, results):
  return f"{mark(workload, results)} target: {target_text(workload)}"


def mark(workload, results):
  return {True: "✓", False: "✗", None: "–"}[results.verdict(workload, SUBJECT)]


def target_text(workload):
  if workload.target is None:
    return "none"
  if workload.target.is_ratio:
    return f"at most {workload.target.most:.2f} of {' and of '.join(workload.reference)}"
  return f"at most {figure(workload.target.most, workload.unit)}"


def summary(workloads, results):
  """One line a workload, against its target."""
  width = max(len(workload.title) for workload in workloads)
  lines = []
  for workload in workloads:
    lines.append(
      f"{mark(workload, results)} {workload.title:<{width}}  {reached(workload, results):>10}"
      f"   {target_text(workload)}")
  return "\n".join(lines)


def reached(workload, results):
  if workload.target is not None and workload.target.is_ratio:
    return figure(results.ratio(workload, SUBJECT, workload.reference), "")
  return figure(results.median(workload, SUBJECT), workload.unit)


def markdown(workloads, results, proxies, machine, rounds, seconds, day):
  """docs/benchmarks.md."""
  titles = [proxy.title for proxy in proxies]
  others = [title for title in titles if title != SUBJECT]
  compared, alone = split(workloads, titles)
  versions = ", ".join(f"{proxy.title} {proxy.version()}" for proxy in proxies)

  lines = [
    "# Benchmarks",
    "",
    "Written by `scripts/benchmark`; run it on your own machine before you believe it.",
    "",
    "![Cost of each proxy by workload](benchmarks.svg)",
    "",
    f"Measured {day} on {machine}.",
    f"{versions}. Rounds: {rounds}, windows of {seconds} s.",
    *busy(workloads, results),
    "",
    "## Cost",
    "",
    "Medians of the rounds; less is better. The ratios are medians, least and greatest of the ratio within each round,",
    "because whatever disturbs a round disturbs every proxy in it.",
    "",
    table(
      ["workload", "what is counted", *titles, *[f"{SUBJECT} / {other}" for other in others], "target"],
      [cost_row(workload, results, titles, others) for workload in compared]),
    "",
    "What balancer costs beside itself, with something on and without:",
    "",
    table(
      ["workload", "what is counted", "with", "without", "with / without", "target"],
      [cost_row(workload, results, [SUBJECT, *workload.reference], workload.reference) for workload in alone]),
    "",
    "## Throughput and latency",
    "",
    "With one processor for the proxy and one for everything else, the load is often what limits these; the cost above",
    "is the figure that holds.",
    "",
    table(
      ["workload", *titles, *[f"p99 {title}" for title in titles]],
      [rate_row(workload, results, titles) for workload in compared if workload.throughput_unit]),
    "",
    HOW.strip(),
    "",
  ]
  return "\n".join(lines)


def split(workloads, titles):
  """Those that all proxies have taken turns at, and those in which balancer stands beside itself."""
  compared = [workload for workload in workloads if set(workload.reference) <= set(titles)]
  return compared, [workload for workload in workloads if workload not in compared]


def busy(workloads, results):
  """A reservation, when the machine was not left alone."""
  most = max(results.disturbed(workload) for workload in workloads)
  if most <= QUIET:
    return []
  return [f"Other programs took up to {most:.0%} of the proxy's processor meanwhile, so the figures scatter."]


def cost_row(workload, results, titles, others):
  costs = [figure(results.median(workload, title), workload.unit) for title in titles]
  ratios = [ratio_range(results, workload, [other]) for other in others]
  return [workload.title, workload.cost_title, *costs, *ratios, f"{target_text(workload)} {mark(workload, results)}"]


def rate_row(workload, results, titles):
  rates = [figure(results.median(workload, title, "throughput"), workload.throughput_unit) for title in titles]
  latencies = [
    figure(results.median(workload, title, "p99"), "ms") + failures(results, workload, title) for title in titles]
  return [workload.title, *rates, *latencies]


def table(header, rows):
  lines = [header, ["---"] * len(header), *rows]
  return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


HOW = """
## How it is measured

One worker of each proxy is pinned to the first processor, the load and the backend to the second. Every sample is
taken from a freshly started proxy; the proxies take turns within a round and a round starts with another one each
time.

- **Processor time** is the proxy's own: user and system time of all its threads, from the kernel's clock of that
  process, over a window in the middle of a running load. It suffers far less than throughput from what else the
  machine does. On loopback it includes the kernel's work of delivering what the proxy sends.
- **Requests** are sent by wrk and answered with two bytes by one nginx, which also counts them. p99 is wrk's.
- **Bulk** bodies are 256 MiB of random bytes sent with sendfile; the reader discards them uncopied, so that the
  proxy is what limits the stream. A GB is 10⁹ bytes.
- **Memory per session** is the growth of the process's private memory (`/proc/PID/smaps_rollup`) over sessions that
  have each carried one request and then rest. The kernel's socket buffers are not in it, and neither is what a
  proxy sets aside for connections when it starts, as nginx does.
- **Resident size** is taken before the first client.
- **TLS** ends at the proxy, with a certificate made for the run, TLS 1.3, and whatever ciphers and tickets each ships
  with: with OpenSSL's clients balancer chooses AES-128 and SHA-256, the others AES-256 and SHA-384, and balancer gives
  out one ticket, the others two. The backend gets the plain bytes. Handshakes are those of clients in Python, without a
  ticket or with that of their last visit; one of the other kind is a failure. What a handshake costs includes its
  connection and one request.
- **HTTP** is read and written anew by all three, which tell the backend the same in X-Forwarded-For, -Proto, -Host and
  -Port, share up to a thousand connections to it among all clients, and keep no access log. With routes, ten prefixes
  under each host, requests take up to a thousand of them in turn; HAProxy has them in a map, nginx as servers and
  locations. A body of 256 KiB is sent with sendfile by the backend, and received by wrk.

All three run with the buffers they ship with; larger ones (`tune.bufsize`, `proxy_buffer_size`) make bulk cheaper
and every busy session larger. HAProxy checks its backend every 2 s, as balancer does by default; nginx has no such
checks. nginx runs as one process without a master, which spares it the memory of a second one. The configurations
are short and lie beside the program: [HAProxy](../scripts/benchmark.d/haproxy.cfg),
[nginx](../scripts/benchmark.d/nginx-stream.conf), [balancer](../scripts/benchmark.d/balancer.json), also
[guarded](../scripts/benchmark.d/balancer-guarded.json), behind TLS
[HAProxy](../scripts/benchmark.d/haproxy-tls.cfg), [nginx](../scripts/benchmark.d/nginx-stream-tls.conf) and
[balancer](../scripts/benchmark.d/balancer-tls.json), for HTTP [HAProxy](../scripts/benchmark.d/haproxy-http.cfg),
[nginx](../scripts/benchmark.d/nginx-http.conf) and [balancer](../scripts/benchmark.d/balancer-http.json), for that
behind TLS [HAProxy](../scripts/benchmark.d/haproxy-http-tls.cfg), [nginx](../scripts/benchmark.d/nginx-http-tls.conf)
and [balancer](../scripts/benchmark.d/balancer-http-tls.json), and
[the backend](../scripts/benchmark.d/nginx-backend.conf).

## Run it

```
scripts/benchmark                          # everything, 5 rounds; writes this page
scripts/benchmark --only bulk --rounds 1   # a quick look; writes nothing
scripts/benchmark --against OLD/balancer   # another build of balancer beside it
scripts/benchmark --profile keep-alive-64  # where balancer's time goes under that load
```
"""
