"""Chromium without a window, driven by WebDriver, with what its pages asked for and complained of."""

import json
import os
import time
from pathlib import Path

import packages
from failure import Failure

# What a service that uses it needs.
NEEDS = {
  "chromium": "chromium", "chromedriver": "chromium-driver",
  Path("/usr/lib/python3/dist-packages/selenium"): "python3-selenium",
  Path("/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"): "fonts-liberation",
}
ARGUMENTS = [
  "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
  "--disable-lcd-text", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--disable-breakpad",
  # Nothing but this machine, whatever a page or the browser itself wants.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


class Browser:
  def __init__(self, stage):
    # Only here, because the package may have been installed a moment ago.
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    home = stage.folder / "browser"
    home.mkdir()
    options = webdriver.ChromeOptions()
    arguments = ARGUMENTS + [f"--user-data-dir={home}"] + ([] if os.geteuid() else ["--no-sandbox"])
    for argument in arguments:
      options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    places = dict.fromkeys(["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"], str(home))
    service = Service(packages.find("chromedriver"), env={**os.environ, **places})
    self.driver = webdriver.Chrome(options=options, service=service)
    self.driver.set_page_load_timeout(10)
    self.driver.set_script_timeout(10)
    self.resize(1280, 900)

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.driver.quit()

  def open(self, url):
    self.driver.get(url)

  def run(self, script, *arguments):
    """What a piece of JavaScript with `return` answers."""
    return self.driver.execute_script(script, *arguments)

  def wait(self, expression, what, *arguments, limit=10):
    """Waits until an expression of JavaScript is true of something, and answers that."""
    deadline = time.monotonic() + limit
    while not (found := self.run(f"return {expression}", *arguments)):
      if time.monotonic() > deadline:
        raise Failure(f"the page did not show {what} within {limit} s; it shows: {self.text()[:1500]!r}")
      time.sleep(0.02)
    return found

  def text(self):
    return self.run("return document.body.innerText")

  def click(self, selector):
    """As a mouse does it: what lies above the element gets the click, or what is hidden fails it."""
    self.driver.find_element("css selector", selector).click()

  def press(self, *keys):
    """Keys for whatever has the focus, by their names in selenium.webdriver.Keys or as text."""
    from selenium.webdriver import ActionChains, Keys

    chain = ActionChains(self.driver)
    for key in keys:
      chain.send_keys(getattr(Keys, key, key))
    chain.perform()

  def resize(self, width, height, is_phone=False):
    self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=is_phone)

  def prefer(self, scheme):
    """"light" or "dark"."""
    self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

  def screenshot(self, file):
    self.driver.save_screenshot(str(file))

  def command(self, name, **parameters):
    """Of the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""
    return self.driver.execute_cdp_cmd(name, parameters)

  def complaints(self):
    """Warnings and errors on the console since this was asked for last."""
    return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]

  def requests(self):
    """The URLs that pages asked for since this was asked for last; the browser's own pages left out."""
    messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
    urls = [message["params"]["request"]["url"] for message in messages
            if message["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith("chrome://")]
