"""The cheapest way as one sees it: an answer of the page, what to type for another, and the server's for any."""

import pytest

from marketctl.board import build_board
from marketctl.times import now_ms
from marketctl.views.quotes import open_reader
from tests.board.serving import served
from tests.board.worlds import make_world
from tests.browser.drive import By, cells, metrics, pick, show, troubles, until
from tests.rates.world import usdt

STEPS = [
    ["MEXC: USDT into TRX at 0.2501, ask of TRX/USDT", "1000 USDT", "3898.05 TRX", "1.95 TRX 0.05 % assumed", "", ""],
    ["MEXC → KUCOIN, tron proven", "3898.05 TRX", "3897.05 TRX", "1 TRX", "unknown", "unknown"],
    ["KUCOIN: TRX into USDT at 0.2500, bid of TRX/USDT", "3897.05 TRX", "973.2882375 USDT",
     "0.9742625 USDT 0.1 % assumed", "", ""],
]  # fmt: skip


@pytest.fixture
def world(tmp_path):
    return make_world(tmp_path / "desk")


def text(browser) -> str:
    return " ".join(browser.find_element(By.ID, "r-ways").text.split())


def test_an_answer_of_the_page_and_what_to_type_for_another(chromium, world, tmp_path):
    path = tmp_path / "board.html"
    with open_reader(world.registry) as reader:
        path.write_bytes(build_board(reader, now_ms()))
    show(chromium, path, "wallet")
    assert text(chromium).startswith("Name both ends")
    pick(chromium, "r-from", "1")
    pick(chromium, "r-to", "0")
    assert text(chromium).startswith("973.2882375 USDT arrive at KUCOIN of a part. Age of this answer:")
    assert [row[:6] for row in cells(chromium, "#r-ways > div > .scroll")] == STEPS
    summaries = [one.text for one in chromium.find_elements(By.CSS_SELECTOR, "#r-ways summary")]
    assert summaries[1] == "Next best: 960 USDT, MEXC → KUCOIN tron"
    chromium.find_elements(By.CSS_SELECTOR, "#r-ways summary")[0].click()
    assert "MEXC TRX/USDT: the best level takes 975.39; 24.61 USDT stay at MEXC" in text(chromium)
    chromium.find_element(By.ID, "lang").click()
    assert "MEXC TRX/USDT: лучший уровень берёт 975.39; 24.61 USDT остаётся на MEXC" in text(chromium)
    chromium.find_element(By.ID, "lang").click()
    pick(chromium, "r-into", "rub")
    assert "marketctl convert 1000 USDT@MEXC RUB@KUCOIN" in text(chromium)
    assert chromium.execute_script("return location.hash") == "#wallet?from=MEXC&to=KUCOIN&into=rub"
    pick(chromium, "r-into", "")
    pick(chromium, "r-amount", "1000.00")
    assert text(chromium).startswith("973.2882375 USDT arrive at KUCOIN")
    pick(chromium, "r-amount", "1,5")
    assert text(chromium) == "Write an amount above 0, such as 1000 or 0.25."
    pick(chromium, "r-amount", "")
    pick(chromium, "r-from", "2")
    assert text(chromium) == "There is no way now. On no way: networks whose fee is unknown 2."
    # On a phone nothing is wider than the screen but what scrolls within.
    pick(chromium, "r-from", "1")
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics(390, 800))
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= 390
    assert troubles(chromium) == []


def test_a_server_answers_any_question(chromium, world):
    with served(world.registry) as server:
        chromium.get(f"{server.url}#wallet?amount=20&route=TRX&from=MEXC&to=RAPIRA&into=RUB")
        until(lambda: "RUB arrive at RAPIRA" in text(chromium), 15)
        assert "one TRX makes" in text(chromium)
        assert len(cells(chromium, "#r-ways > div > .scroll")) > 1
        pick(chromium, "r-into", "<b>")
        until(lambda: text(chromium) == "That is not known here. RAPIRA lists no <B>.", 15)
        pick(chromium, "r-asset", "USDT")
        pick(chromium, "r-into", "")
        pick(chromium, "r-amount", "500")
        until(lambda: "USDT arrive at RAPIRA, the way takes 0.4" in text(chromium), 15)
        world.wallet("MEXC", USDT=usdt(withdraw_fee="1", withdraw_min="600"))
        pick(chromium, "r-amount", "501")
        told = "MEXC sends no less than 600 USDT over tron, and there would be 501."
        until(lambda: text(chromium).startswith(f"There is no way now. {told}"), 15)
