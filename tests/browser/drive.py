"""Drives the market board in a real headless Chromium.

`make test-browser` installs what is needed; without Selenium or a browser the tests are skipped.
"""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed: make test-browser")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys as Keys  # noqa: E402

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *(
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--window-size=1400,900",
        "--lang=en-US",
    ),
)


def open_browser(profile: Path) -> Any:
    """Start a headless browser of its own, or skip and say what is missing."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip(f"no {'Chromium' if browser is None else 'chromedriver'}: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


def show(browser: Any, page: Path, section: str = "desk") -> None:
    """Show a page of the disk as a new visitor sees it three seconds after it was made, however slow the machine is."""
    browser.get_log("performance")
    browser.get("about:blank")
    pin_clock(browser, page)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics(1400, 900))
    browser.get(page.as_uri())
    browser.execute_script("try { localStorage.clear() } catch {}")
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(f"{page.as_uri()}#{section}")
    assert browser.execute_script("return document.documentElement.dataset.ready") == "yes"


def pin_clock(browser: Any, page: Path) -> None:
    """Let pages of the disk, whenever they are loaded, begin at this page's time."""
    made = re.findall(rb'"made":(\d+)', page.read_bytes())[0].decode()
    source = (
        "if (location.protocol === 'file:') { const now = Date.now, ahead = "
        f"{made} + 3000 - now(); Date.now = () => now() + ahead }}"
    )
    if known := getattr(browser, "pinned", None):
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": known})
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    browser.pinned = added["identifier"]


def metrics(width: int, height: int) -> dict[str, Any]:
    return {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}


def troubles(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def requests(browser: Any) -> list[str]:
    """Return the addresses that were asked for, but for the file itself."""
    asked = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    return [url for url in asked if not url.startswith(("file://", "data:,", "about:"))]


def go(browser: Any, section: str) -> None:
    browser.find_element(By.CSS_SELECTOR, f".tabs a[href='#{section}']").click()
    until(lambda: browser.find_element(By.ID, f"sec-{section}").is_displayed())


@contextmanager
def folder_server(folder: Path) -> Iterator[str]:
    """Serve a folder as any web server does."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def until(seen: Callable[[], Any], seconds: float = 5) -> Any:
    end = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return found


def cells(browser: Any, table: str) -> list[list[str]]:
    """Return the texts of a table's rows, as one reads them."""
    script = """
      return [...document.querySelectorAll(arguments[0] + ' tbody tr:not(.gap)')].map(
        row => [...row.children].filter(cell => cell.offsetParent)
          .map(cell => cell.innerText.trim().replace(/\\s+/g, ' ')))"""
    return browser.execute_script(script, table)


def pick(browser: Any, field: str, value: str) -> None:
    browser.execute_script(
        "const f = document.getElementById(arguments[0]); f.value = arguments[1];"
        "f.dispatchEvent(new Event('input', {bubbles: true}))",
        field,
        value,
    )


def every_quote(browser: Any) -> None:
    """Go to the prices, each quote a row of its own."""
    go(browser, "prices")
    pick(browser, "p-rows", "quotes")


def click_row(browser: Any, grid: str, name: str) -> None:
    script = (
        "[...document.querySelectorAll(arguments[0] + ' .row-name')].find(b => b.textContent === arguments[1]).click()"
    )
    browser.execute_script(script, grid, name)
    assert browser.find_element(By.ID, "detail").is_displayed()


def column(browser: Any, number: int) -> list[str]:
    return [row[number] for row in cells(browser, "#p-grid")]


def later(browser: Any, seconds: int) -> None:
    """Let the page's clock run ahead, and wait until it has looked at it."""
    browser.execute_script(f"const now = Date.now; Date.now = () => now() + {seconds * 1000}")
    time.sleep(1.2)
