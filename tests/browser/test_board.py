"""The market board in a real headless Chromium: no errors, no network, jobs told, addresses kept, nothing believed."""

import os
import time

from marketctl.board import build_board
from marketctl.board.serve import BoardServer
from marketctl.files.atomic import write_output
from marketctl.redis.connection import connect
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.publish import publish_l1
from marketctl.redis.quotes import write_mirror
from marketctl.times import now_ms
from marketctl.views.quotes import open_reader
from tests.browser.drive import (
    By,
    cells,
    click_row,
    every_quote,
    folder_server,
    go,
    pick,
    requests,
    show,
    troubles,
    until,
)  # fmt: skip
from tests.desk import EVIL, head, make_desk, quote, quotes

# Loading -----------------------------------------------------------------------------------


def test_it_loads_without_an_error_or_a_request(board):
    assert board.title == "● 1 closed, 1 failing · Desk · Market board"
    for section in ("prices", "wallet", "providers", "stats", "desk"):
        go(board, section)
    assert troubles(board) == []
    assert requests(board) == []


def test_a_foreign_script_or_picture_would_be_refused(chromium, page):
    show(chromium, page)
    chromium.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.intruder = 1'; document.body.append(s);"
        "const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i)"
    )
    refused = until(lambda: [text for text in troubles(chromium) if "Content Security Policy" in text])
    assert refused
    assert chromium.execute_script("return window.intruder") is None
    chromium.get_log("performance")


# Jobs --------------------------------------------------------------------------------------


def test_each_job_tells_its_state_reason_and_what_to_type(board):
    (kucoin,) = [item for item in board.find_elements(By.CSS_SELECTOR, ".attention li") if "KUCOIN" in item.text]
    text = " ".join(kucoin.text.split())
    assert text.startswith(
        "failing KUCOIN stats Too many requests: wait, or collect less often. Failures in a row: 3; last success"
    )
    assert kucoin.find_element(By.TAG_NAME, "code").text == "marketctl status"  # to ask again makes it worse
    (skipped,) = [i for i in board.find_elements(By.CSS_SELECTOR, ".attention li") if "OPENEXCHANGERATES" in i.text]
    assert skipped.find_element(By.TAG_NAME, "code").text == "marketctl credentials set OPENEXCHANGERATES"
    go(board, "providers")
    bybit = board.find_element(By.CSS_SELECTOR, "[aria-labelledby=p-BYBIT]")
    text = " ".join(bybit.text.split())
    assert "Latency 42 ms Clock skew -1,500 ms Platform maintenance" in text
    assert "5 quotes, 1 stale, 1 one-sided" in text
    gauge = bybit.find_element(By.CSS_SELECTOR, "[role=meter]")
    assert [gauge.get_attribute(f"aria-value{name}") for name in ("now", "max", "text")] == [
        "50", "800", "basic, 50 of 800 left, reset 2026-11-24 00:00 UTC since then",
    ]  # fmt: skip
    assert "marketctl providers enable MEXC" in board.find_element(By.ID, "cards").text


# Addresses ---------------------------------------------------------------------------------


def test_search_sorting_and_sheet_have_an_address(board, page):
    every_quote(board)
    pick(board, "p-search", "btc /usdt")
    pick(board, "p-provider", "1")
    pick(board, "p-which", "fresh")
    board.find_element(By.CSS_SELECTOR, "#p-grid th.c-bid button").click()
    assert board.current_url.endswith("#prices?q=btc%20/usdt&provider=KUCOIN&which=fresh&rows=quotes&sort=-bid")
    click_row(board, "#p-grid", "BTC/USDT")
    assert board.current_url.endswith("&sort=-bid&pair=BTC/USDT")
    address = board.current_url
    board.get("about:blank")
    board.get(address)  # as a colleague opens it
    assert board.find_element(By.ID, "d-title").text == "BTC/USDT"
    assert board.title.endswith("BTC/USDT · Prices · Market board")
    board.find_element(By.ID, "d-close").click()
    until(lambda: "pair=" not in board.current_url)
    assert [row[:2] for row in cells(board, "#p-grid")] == [["BTC/USDT", "KUCOIN"]]
    assert board.find_element(By.ID, "p-search").get_attribute("value") == "btc /usdt"
    assert board.find_element(By.CSS_SELECTOR, "#p-grid th.c-bid").get_attribute("aria-sort") == "descending"


def test_back_closes_a_sheet_and_stays_in_its_section(board):
    go(board, "wallet")
    pick(board, "w-search", "usdt")
    click_row(board, "#w-grid", "USDT")
    assert board.current_url.endswith("#wallet?q=usdt&asset=USDT")
    board.back()
    until(lambda: not board.find_element(By.ID, "detail").is_displayed())
    assert board.current_url.endswith("#wallet?q=usdt")
    assert board.find_element(By.ID, "sec-wallet").is_displayed()
    board.forward()
    until(lambda: board.find_element(By.ID, "detail").is_displayed())
    board.back()
    board.back()
    until(lambda: board.find_element(By.ID, "sec-desk").is_displayed())


def test_an_address_of_nothing_says_so(board, page):
    board.get(f"{page.as_uri()}#prices?pair=NO/SUCH&q=%E0%A4%A")
    board.refresh()
    assert board.find_element(By.ID, "d-body").text == "No provider quotes NO/SUCH now."


def test_a_served_file_loads_itself_anew_and_keeps_the_place(chromium, desk, tmp_path):
    path = tmp_path / "market.html"

    def write(at: int) -> None:
        with open_reader(desk) as reader:
            write_output(path, build_board(reader, at))

    write(now_ms() - 100_000)
    os.utime(path, (time.time() - 100, time.time() - 100))
    with folder_server(tmp_path) as url:
        chromium.get("about:blank")
        chromium.get(f"{url}/market.html#prices?q=BTC&pair=BTC/USDT")
        chromium.find_element(By.ID, "d-close").click()
        until(lambda: "pair=" not in chromium.current_url)
        chromium.find_element(By.CSS_SELECTOR, "#p-grid .fold").click()
        click_row(chromium, "#p-grid", "BTC/USDT")
        chromium.execute_script("window.before = 1")
        write(now_ms())
        # It looks every ten seconds, and when one comes back to it.
        chromium.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
        until(lambda: chromium.execute_script("return window.before") is None, 20)
        until(lambda: chromium.execute_script("return document.documentElement.dataset.ready") == "yes")
        assert chromium.current_url.endswith("#prices?q=BTC&pair=BTC/USDT")
        assert chromium.find_element(By.ID, "d-title").text == "BTC/USDT"
        assert chromium.find_element(By.ID, "p-search").get_attribute("value") == "BTC"
        assert len(chromium.find_elements(By.CSS_SELECTOR, "#p-grid .inside")) == 2  # what was unfolded is still
        assert troubles(chromium) == []
    chromium.get_log("performance")


def test_a_quote_that_moves_is_on_the_served_page_within_a_second(chromium, tmp_path):
    desk = make_desk(tmp_path, now_ms(), "none")
    path = desk.settings.data_dir / "prices" / "KUCOIN.json"
    server = BoardServer(desk, "127.0.0.1:0", None)
    with server.serving():
        chromium.get("about:blank")
        chromium.get(f"{server.url}#prices?q=BTC&rows=quotes&pair=BTC/USDT")
        until(lambda: chromium.find_element(By.ID, "made").text.startswith("live"))
        begun = time.monotonic()
        write_mirror(path, head("KUCOIN", "prices", now_ms()), {"BTC/USDT": quote("100.19", "100.31")})
        until(lambda: [row[:3] for row in cells(chromium, "#d-body > .scroll")][-1][:2] == ["KUCOIN", "100.19 best"])
        assert time.monotonic() - begun < 4  # files are looked at every second
        chromium.find_element(By.ID, "d-close").click()
        assert ["BTC/USDT", "KUCOIN", "100.19"] in [row[:3] for row in cells(chromium, "#p-grid")]
        assert troubles(chromium) == []
        assert all(url.startswith((server.url, "data:", "about:")) for url in requests(chromium))
        chromium.get("about:blank")


def test_what_redis_publishes_is_on_the_desk_within_a_second_or_two(chromium, tmp_path):
    desk = make_desk(tmp_path, now_ms())
    with EmbeddedRedis(desk.settings.data_dir), BoardServer(desk, "127.0.0.1:0", None) as server, server.serving():
        settings = desk.settings
        with connect(settings.redis_url, settings.data_dir, settings.redis_prefix) as store:
            chromium.get("about:blank")
            chromium.get(server.url)
            until(lambda: chromium.find_element(By.ID, "made").text.startswith("live"))
            time.sleep(2)  # it listens
            began = time.monotonic()
            moved = quotes(now_ms())["KUCOIN"] | {"BTC/USDT": quote("100.18", "100.30", status="trading")}
            publish_l1(store, "KUCOIN", moved, run_id="r9", collected_ms=now_ms(), interval_s=10, skipped=0,
                       history=settings.history, until_ms=now_ms() + 60_000)  # fmt: skip
            until(lambda: ["BTC/USDT", "100.18 KUCOIN"] in [row[:2] for row in cells(chromium, "#d-pairs")])
            assert time.monotonic() - began < 2  # a quarter of a second where the machine is quiet
        assert troubles(chromium) == []
        chromium.get("about:blank")
    chromium.get_log("performance")


# Hostile names -----------------------------------------------------------------------------


def test_an_asset_named_script_stays_text_everywhere(board):
    for section, grid, name in (("prices", "#p-grid", f"{EVIL}/USDT"), ("wallet", "#w-grid", EVIL)):
        go(board, section)
        click_row(board, grid, name)
        assert board.find_element(By.ID, "d-title").text.startswith(name)
        board.find_element(By.ID, "d-close").click()
        until(lambda: not board.current_url.endswith("/USDT"))
        until(lambda: "asset=" not in board.current_url)
    go(board, "wallet")
    pick(board, "r-asset", EVIL)
    click_row(board, "#w-grid", "USDT")
    assert "Suspended </script><b>now</b>" in board.find_element(By.ID, "d-body").text
    assert board.execute_script("return [...document.scripts].length") == 3
    assert board.execute_script("return document.querySelectorAll('main b, dialog b, img').length") == 2  # two captions
