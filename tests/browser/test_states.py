"""All states of the page: no finding of axe-core, no English in the Russian one, nothing cut at any width."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketctl.board import build_board
from marketctl.files.state import record_state
from marketctl.times import now_ms
from marketctl.views.quotes import open_reader
from tests.board.serving import served
from tests.board.worlds import make_world
from tests.browser.drive import By, click_row, go, later, metrics, pick, show, until
from tests.desk import make_desk

SECTIONS = ("desk", "prices", "wallet", "providers", "stats")
AXE = Path(sys.prefix) / "axe" / "node_modules" / "axe-core" / "axe.min.js"
# Terms that Russian desks write so, names of ours, and what one types.
TERMS = set(
    "bid ask CSV UTC memo ok Redis marketctl providers toml watch English stats collect check show run once".split()
)
TERMS |= set("prices wallet BTC USDT KUCOIN TRC tron".split())  # examples in the search fields
FIELDS = set("ccxt takerCommission takerFee takerFeeRate fee".split())  # where an assumed fee is from


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a desk with a failure of each kind, files that cannot be read, Redis away."""
    now = now_ms()
    desk = make_desk(tmp_path_factory.mktemp("broken"), now, "none")
    data = desk.settings.data_dir
    (data / "wallet" / "KUCOIN.json").write_text("{")
    (data / "stats" / "BYBIT.json").write_text("[]")
    (data / "wallet" / "BYBIT.changes.jsonl").write_text("nothing\n")
    for name, job, reason in (
        ("BYBIT", "prices", "network"), ("BYBIT", "wallet", "auth"), ("BYBIT", "stats", "bad-answer"),
        ("KUCOIN", "prices", "suspect"), ("KUCOIN", "wallet", "storage"), ("OPENEXCHANGERATES", "prices", "deadline"),
    ):  # fmt: skip
        record_state(data / "state", name, job, at_ms=now - 30_000, ok=False, reason=reason)
    path = data / "report.html"
    with open_reader(desk) as reader:
        path.write_bytes(build_board(reader, now))
    return path


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page before anything was collected."""
    from marketctl.providers.loader import load_registry
    from tests.desk import REGISTRY

    folder = tmp_path_factory.mktemp("empty")
    (folder / "providers.toml").write_text(REGISTRY.replace("{redis_url}", "none"))
    path = folder / "report.html"
    with open_reader(load_registry(folder / "providers.toml", environ={})) as reader:
        path.write_bytes(build_board(reader, now_ms()))
    return path


def every_state(browser: Any) -> Iterator[str]:
    """Show each section, then sheets and menus one by one, and name what is shown."""
    for section in SECTIONS:
        go(browser, section)
        yield section
    go(browser, "prices")
    browser.find_element(By.CSS_SELECTOR, "#p-tools summary").click()
    yield "columns"
    browser.find_element(By.CSS_SELECTOR, "#p-tools summary").click()
    folds = browser.find_elements(By.CSS_SELECTOR, "#p-grid .fold")
    if not folds:
        return
    folds[0].click()
    yield "unfolded"
    pick(browser, "p-rows", "quotes")
    yield "quotes"
    pick(browser, "p-rows", "")
    click_row(browser, "#p-grid", "BTC/USDT")
    for summary in browser.find_elements(By.CSS_SELECTOR, "#d-body summary"):
        summary.click()
    yield "pair"
    browser.find_element(By.ID, "d-close").click()
    go(browser, "wallet")
    for field, value in (("r-from", "0"), ("r-to", "1")):
        pick(browser, field, value)
    for summary in browser.find_elements(By.CSS_SELECTOR, "#r-ways summary"):
        summary.click()
    yield "way"
    pick(browser, "r-amount", "5")
    yield "no way here"
    click_row(browser, "#w-grid", "USDT")
    yield "asset"
    browser.find_element(By.ID, "d-close").click()


def dress(browser: Any, page: Path, lang: str, theme: str, width: int) -> None:
    show(browser, page)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics(width, 844 if width < 600 else 900))
    browser.execute_script(
        "localStorage.setItem('marketctl-lang', arguments[0]); localStorage.setItem('marketctl-theme', arguments[1])",
        lang,
        theme,
    )
    # A sheet that fades in is judged when it is there.
    still = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": still})
    browser.refresh()


# Accessibility ---------------------------------------------------------------------------


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: make test-browser")
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "ru"])
def test_axe_finds_nothing_in_any_state(chromium, page, broken, empty, lang, theme, width):
    found = {}
    for name, one in (("whole", page), ("broken", broken), ("empty", empty), ("old", page)):
        if name != "whole" and (lang, theme, width) not in (("en", "light", 390), ("ru", "dark", 1440)):
            continue
        dress(chromium, one, lang, theme, width)
        chromium.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
        if name == "old":
            later(chromium, 3 * 3600)
        chromium.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text()})
        for state in every_state(chromium):
            told = chromium.execute_async_script(
                "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done("
                "r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', '))))"
            )
            if told:
                found[name, state] = told
    assert found == {}


# Russian ---------------------------------------------------------------------------------

SEEN = r"""
  const words = [];
  for (const one of document.querySelectorAll('body *')) {
    if (!one.checkVisibility() || one.closest('code, script, svg.pygal-chart')) continue;
    for (const child of one.childNodes) if (child.nodeType === 3) words.push(child.data);
    for (const name of ['title', 'aria-label', 'placeholder', 'aria-valuetext', 'alt'])
      if (one.hasAttribute(name)) words.push(one.getAttribute(name).replace(/(Копировать: )marketctl.*/, '$1'));
  }
  return [...words, document.title];"""


def data_words(page: Path) -> set[str]:
    """Return the Latin words of the page's data: names, codes, notes of providers; no message of ours."""
    text = page.read_text(encoding="utf-8")
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[0])
    data["away"], data["problems"] = None, [re.findall(r"/[^\s:'\"]+", words) for _, words in data["problems"]]
    data["history"]["error"] = None
    data["ways"] = [values["note"] for _, values in data["ways"]["assumed"] if "note" in values]
    for provider in data["providers"]:
        for job in provider["jobs"].values():
            job.pop("error", None)
            job.pop("sync", None)
            job.pop("live", None)
            job.pop("reason", None)
        if provider["platform"] in ("ok", "maintenance", "unknown"):
            provider["platform"] = None
    data["prices"]["by"] = [{"notes": None} for _ in data["prices"]["by"]]
    data["changes"]["rows"] = [[*row[:2], row[2], row[3], *row[5:]] for row in data["changes"]["rows"]]
    data["changes"]["moves"] = [row[1:3] for row in data["changes"]["moves"]]

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for one in value:
                yield from texts(one)
        elif isinstance(value, dict):
            for key, one in value.items():
                yield from texts(one)
                if key.isupper():
                    yield key

    return set(re.findall("[A-Za-z]+", " ".join(texts(data))))


@pytest.mark.parametrize("which", ["page", "broken", "empty"])
def test_the_russian_page_is_russian(chromium, request, which):
    page = request.getfixturevalue(which)
    allowed = {word.lower() for word in data_words(page) | TERMS | FIELDS}
    for age in (0, 3 * 3600):
        dress(chromium, page, "ru", "light", 1440)
        if age:
            later(chromium, age)
        foreign = {}
        for state in every_state(chromium):
            words = set(re.findall("[a-z]{2,}", " ".join(chromium.execute_script(SEEN)).lower()))
            if words - allowed:
                foreign[state] = sorted(words - allowed)
        assert foreign == {}


def test_what_a_server_says_is_russian_too(chromium, tmp_path):
    """An asset that nobody lists, quotes that are not live, wallets that cannot be read, fees nobody knows."""
    world = make_world(tmp_path / "desk", redis_url="embedded")
    (world.data / "wallet" / "RAPIRA.json").write_text("{")
    kucoin = world.data / "wallet" / "KUCOIN.json"
    kucoin.write_text(kucoin.read_text().replace('"deposit": true', '"deposit": tru'))
    allowed = {word.lower() for word in TERMS | FIELDS} | set("mexc kucoin rapira openexchangerates trx nobody".split())
    allowed |= {"slow", "script"}  # what KUCOIN says of its network
    with served(world.registry) as server:
        for question, said in [
            ("amount=900&route=USDT&from=MEXC&into=TRX", "Стаканы взяты из зеркала"),
            ("amount=900&route=USDT&from=MEXC&into=NOBODY", "Здесь это неизвестно."),
            ("amount=900&route=USDT&from=MEXC&into=" + "N" * 101, "Так спросить нельзя"),
        ]:
            chromium.get(server.url)
            chromium.execute_script("localStorage.setItem('marketctl-lang', 'ru')")
            chromium.get("about:blank")
            chromium.get(f"{server.url}#wallet?{question}")
            until(lambda said=said: said in chromium.find_element(By.ID, "r-ways").text, 15)
            for summary in chromium.find_elements(By.CSS_SELECTOR, "#r-ways summary"):
                summary.click()
            shown = chromium.find_element(By.ID, "r-ways").text.lower()
            assert sorted(set(re.findall("[a-z]{2,}", shown)) - allowed) == []


# Widths ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("width", [360, 390, 768, 1440, 2560])
def test_nothing_is_cut_or_wider_than_the_screen(chromium, page, lang, width):
    dress(chromium, page, lang, "light", width)
    cut = chromium.execute_script(
        "return [...document.querySelectorAll('.top *')].filter(one => one.checkVisibility() && one.textContent.trim())"
        ".filter(one => { const box = one.getBoundingClientRect(); return box.right > innerWidth || box.left < 0 })"
        ".map(one => one.textContent)"
    )
    assert cut == []
    wide = {}
    for state in every_state(chromium):
        told = chromium.execute_script(
            "return [document.documentElement, document.getElementById('detail')].map(one => one.scrollWidth)"
        )
        if max(told) > width:
            wide[state] = told
    assert wide == {}
