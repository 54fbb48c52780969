"""The board for everybody: theme, language, keyboard, small screens, names for who does not see."""

from typing import Any

import pytest

from tests.browser.drive import By, Keys, column, every_quote, go, metrics


def background(browser: Any) -> str:
    return browser.execute_script("return getComputedStyle(document.body).backgroundColor")


def test_theme_follows_the_system_and_can_be_switched(board, page):
    light = background(board)
    board.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    dark = background(board)
    assert dark != light
    board.find_element(By.ID, "theme").click()
    assert background(board) == light
    board.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    )
    assert background(board) == light
    board.find_element(By.ID, "theme").click()
    assert background(board) == dark
    board.refresh()
    assert background(board) == dark  # it is remembered
    board.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_language_is_switched_and_remembered(board):
    board.find_element(By.ID, "lang").click()
    assert board.execute_script("return document.documentElement.lang") == "ru"
    assert [link.text for link in board.find_elements(By.CSS_SELECTOR, ".tabs a")] == [
        "Пульт", "Цены", "Кошельки", "Провайдеры", "Статистика",
    ]  # fmt: skip
    for section in ("prices", "wallet", "providers", "stats", "desk"):
        go(board, section)
        text = board.find_element(By.ID, f"sec-{section}").text
        assert not set(text.split()) & {"Provider", "unknown", "Search", "open", "Nothing", "failing"}
    board.refresh()
    assert board.title == "● закрыто: 1, сбоев: 1 · Пульт · Табло рынка"
    board.find_element(By.ID, "lang").click()
    assert board.title == "● 1 closed, 1 failing · Desk · Market board"


def test_keyboard_alone_finds_a_pair_and_comes_back(board):
    every_quote(board)
    board.find_element(By.ID, "p-search").click()
    for _ in range(30):
        board.switch_to.active_element.send_keys(Keys.TAB)
        if "row-name" in board.switch_to.active_element.get_attribute("class"):
            break
    first = board.switch_to.active_element.text
    board.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    second = board.switch_to.active_element.text
    assert [first, second] == column(board, 0)[:2]
    assert "solid" in board.execute_script("return getComputedStyle(document.activeElement).outline")
    board.switch_to.active_element.send_keys(Keys.ENTER)
    assert board.find_element(By.ID, "d-title").text == second
    board.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not board.find_element(By.ID, "detail").is_displayed()
    assert board.switch_to.active_element.text == second


def test_a_slash_leads_to_the_search(board):
    go(board, "wallet")
    board.find_element(By.TAG_NAME, "body").send_keys("/")
    assert board.switch_to.active_element.get_attribute("id") == "w-search"
    board.switch_to.active_element.send_keys("a/b")
    assert board.find_element(By.ID, "w-search").get_attribute("value") == "a/b"


def test_skip_link_leads_past_the_head(board):
    board.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert board.switch_to.active_element.text == "Skip to content"
    board.switch_to.active_element.send_keys(Keys.ENTER)
    assert board.switch_to.active_element.get_attribute("id") == "main"
    assert board.find_element(By.ID, "sec-desk").is_displayed()


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (820, 1180), (1400, 900), (2560, 1300)])
def test_no_section_is_wider_than_the_screen(board, width, height):
    board.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics(width, height))
    for section in ("prices", "wallet", "providers", "stats", "desk"):
        go(board, section)
        inner, outer = board.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert inner <= outer, section
        # No price is cut: cells that are too narrow would end in dots.
        cut = board.execute_script(
            "return [...document.querySelectorAll('#p-grid .c-bid, #p-grid .c-ask')]"
            ".filter(c => c.offsetParent && c.scrollWidth > c.clientWidth + 1).map(c => c.textContent)"
        )
        assert cut == []


def test_every_control_has_a_name(board):
    for section in ("prices", "wallet", "providers", "stats", "desk"):
        go(board, section)
        nameless = board.execute_script(
            """return [...document.querySelectorAll('button, a, input, select, [role=region], [role=meter]')]
              .filter(e => e.offsetParent)
              .filter(e => !(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length)))
              .map(e => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == []
