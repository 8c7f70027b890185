import Simulation

/// docs/schedulers.md, around the tables of a comparison.
enum SchedulerDocument {
  static func text(_ comparison: Comparison) -> String {
    """
    # Which scheduler

    **In doubt `least-connections`**: one balancer in front of servers that may differ is what most have, and it turns away
    from a slow server by itself. **Several balancers** that do not know of each other: `random`, which does not send them
    all to the same idlest backend at once. **Equal servers and short, equal work**: `round-robin`, the default, which is
    exact and easy to follow in a log. **Caches**, sessions kept in a server's memory: `source-hash`, or `{ "hash": "sni" }`
    by name, and with `load` where some clients bring far more than others; unbounded hashes pay for it with the least even
    load. **Servers at different distances**, or whose accepting slows down under load: `peak-ewma`; in tcp mode it sees
    how long connects take and nothing of the work behind them, and it leaves a backend that refused alone for a while, which
    a pool of very few backends feels. **`first`** is for filling as few servers as possible, so
    that the others may sleep or cost nothing; it needs `connections` on each backend, and keeps those it uses busy.

    ![The 99th percentile of each scheduler](schedulers.svg)

    ## What is simulated

    `balancer simulate` plays the program's own pools on a clock of its own; `balancer simulate --write docs` wrote this page,
    with the seed \(comparison.seed), and writes the same again. Each server works on one request at a time, 10 ms on average, and the
    others wait there; all servers together are busy for 60 % of the time, and requests come at random from 10 000 clients.
    A connect takes 1 ms. Balancers know their own sessions only.

    - *One server ten times slower*: in its work and in answering a connect.
    - *One server that flaps*: it refuses connects for 250 ms of each second, and the checks notice after 100 ms. Refused
      requests are tried on another backend.
    - *Heavy-tailed work*: a few requests are most of the work, the longest a thousand times the shortest.

    Each cell says `imbalance · p50 / p99 / p99.9`: the work of the busiest server over the mean of all (1 is even; where a
    server is slow, its work takes longer), and the milliseconds from a request to its answer, waiting included. `first` has
    `connections` of 4 for each backend and balancer; what finds all of them full is refused.

    ## Results

    \(comparison.tables)
    """
  }
}
