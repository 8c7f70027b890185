"""The pictures of docs/dashboard.md."""

import packages
import wrk
from commands import Load, run
from watched import address, nginx, watched

# Name, colours, width, height, whether it is a phone.
PICTURES = [
  ("dashboard", "light", 1280, 900, False), ("dashboard-dark", "dark", 1280, 900, False),
  ("dashboard-phone", "dark", 360, 780, True),
]


def draw(stage, page):
  """With a minute of traffic in the charts, a backend that is down, and one that is drained."""
  packages.require({"pngquant": "pngquant"})
  with stage.check("screenshots", limit=80):
    web = [nginx(stage, f"app-{number}") for number in range(1, 5)]
    store = [nginx(stage, f"db-{number}") for number in range(1, 4)]
    balancer = watched(stage, web)
    pools, listeners = balancer.content["pools"], balancer.content["listeners"]
    pools["web"], listeners["web"] = pools.pop("service"), {**listeners.pop("service"), "pool": "web"}
    for index, each in enumerate(pools["web"]["backends"]):
      each["labels"] = {"zone": "east" if index < 2 else "west"}
    pools["store"] = {
      "scheduler": "least-connections",
      "backends": [{"name": each.name, "address": f"127.0.0.1:{each.port}", "connections": 40} for each in store],
    }
    pools["store"]["backends"][-1]["backup"] = True
    port = stage.ports.next()
    listeners["store"] = {"listen": f"127.0.0.1:{port}", "pool": "store"}
    balancer.reload()
    for number, (each, connections) in enumerate([(balancer.port, 4), (port, 6)]):
      command = wrk.command(f"http://127.0.0.1:{each}/", connections, 90, new_connection=True)
      Load(stage, f"wrk-{number}", command)
    page.open(address(balancer))
    page.wait("document.querySelector('.backends .state')", "its backends")
    page.wait("performance.now() > 40_000", "half a minute", limit=60)
    page.click("[aria-label='Drain web/app-4']")
    page.click("#change-do")
    web[1].kill()
    balancer.await_health("app-2", "down")
    page.wait("performance.now() > 58_000", "a minute", limit=60)
    page.run("document.activeElement.blur()")
    for name, scheme, width, height, is_phone in PICTURES:
      page.prefer(scheme)
      page.resize(width, height, is_phone)
      page.run("document.querySelector('#events-fold').open = arguments[0]", not is_phone)
      file = stage.screenshots / f"{name}.png"
      page.screenshot(file)
      run([packages.find("pngquant"), "--force", "--output", file, 128, file])
