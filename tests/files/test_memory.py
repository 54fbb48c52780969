"""What may be forgotten: its age, its server, its shape."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from marketctl.files.memory import Memory, make_ahead
from marketctl.times import now_ms
from tests.files.python import files


def test_memory_returns_the_value_and_its_time(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "BYBIT", "https://api.bybit.com")
    at_ms = now_ms() - 5000
    memory.put("pairs", [["BTCUSDT", "BTC", "USDT"]], at_ms)
    assert memory.get("pairs", 60) == ([["BTCUSDT", "BTC", "USDT"]], at_ms)
    assert files(tmp_path) == ["BYBIT.pairs.json"]


def test_memory_misses_old_future_and_of_another_server(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "BYBIT", "https://api.bybit.com")
    assert memory.get("pairs", 60) is None
    memory.put("pairs", 1, now_ms() - 61_000)
    assert memory.get("pairs", 60) is None
    memory.put("pairs", 1, now_ms() + 5000)  # the clock was set back since
    assert memory.get("pairs", 60) is None
    memory.put("pairs", 1)
    assert memory.get("pairs", 60) is not None
    assert Memory(tmp_path, "BYBIT", "http://127.0.0.1:1").get("pairs", 60) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw[:-3],
        lambda raw: raw.replace(b"ETH", b"BTC"),
        lambda raw: raw.replace(b'"x"', b'"y"'),
        lambda raw: raw.replace(b'"at_ms": 1', b'"at_ms": 2'),
        lambda raw: raw[20:],
        lambda raw: b"{" + raw[20:],
        lambda _: b'{"sum": "00000000", ',
        lambda _: b'{"sum": "\xff", {}',
        lambda _: b"",
        lambda _: b"[]",
        lambda _: b"{}",
        lambda _: b"\xff",
        lambda _: b"[" * 100_000,
        lambda _: b'{"value": 1, "at_ms": "now", "base_url": "x"}',
    ],
)
def test_memory_that_was_changed_is_a_miss(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    memory, path = Memory(tmp_path, "BYBIT", "x"), tmp_path / "BYBIT.pairs.json"
    memory.put("pairs", {"ETHUSDT": "ETH/USDT", "odd": "\x7f\u2028\ud800"})
    raw = path.read_bytes()
    assert json.loads(raw)["value"]["ETHUSDT"] == "ETH/USDT"
    path.write_bytes(change(raw))
    for url in ("x", "y"):
        assert Memory(tmp_path, "BYBIT", url).get("pairs", 1e12) is None
    path.write_bytes(raw)
    assert memory.get("pairs", 60)[0] == {"ETHUSDT": "ETH/USDT", "odd": "\x7f\u2028\ud800"}  # type: ignore[index]


def test_memory_read_only_keeps_what_is_put_to_itself(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "cache", "BYBIT", "x", read_only=True)
    memory.put("pairs", [("BTCUSDT", "BTC")], 1)
    assert memory.get("pairs", 60) is None
    memory.put("pairs", [("BTCUSDT", "BTC")], at_ms := now_ms())
    assert memory.get("pairs", 60) == ([["BTCUSDT", "BTC"]], at_ms)
    assert files(tmp_path) == []


def test_memory_read_only_or_on_a_bad_disk_stores_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Memory(tmp_path / "cache", "BYBIT", "x", read_only=True).put("pairs", 1)
    assert files(tmp_path) == []
    (tmp_path / "cache").write_bytes(b"")
    Memory(tmp_path / "cache", "BYBIT", "x").put("pairs", 1)
    assert caplog.messages == [
        f"BYBIT: not remembered: cannot write {tmp_path / 'cache/BYBIT.pairs.json'}: File exists"
    ]


@pytest.mark.parametrize("keeping", [True, False])
def test_what_is_made_of_a_file_is_made_once_until_it_is_replaced_by_who_works_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeping: bool
) -> None:
    monkeypatch.setattr(Memory, "keeping", keeping)
    made = []

    def make(value: object) -> tuple[object]:
        made.append(value)
        return (value,)

    memory = Memory(tmp_path, "BYBIT", "x")
    assert memory.get_made("pairs", 60, make) is None
    memory.put("pairs", "one", at_ms := now_ms() - 5000)
    first = memory.get_made("pairs", 60, make)
    assert first == (("one",), at_ms)
    again = Memory(tmp_path, "BYBIT", "x").get_made("pairs", 60, make)
    assert again is not None
    assert (again[0] is first[0]) is keeping  # type: ignore[index]
    assert Memory(tmp_path, "BYBIT", "x").get_made("pairs", 4, make) is None  # it ages all the same
    assert Memory(tmp_path, "BYBIT", "http://another").get_made("pairs", 60, make) is None
    Memory(tmp_path, "BYBIT", "x").put("pairs", "two")
    assert memory.get_made("pairs", 60, make)[0] == ("two",)  # type: ignore[index]
    (tmp_path / "BYBIT.pairs.json").unlink()
    assert memory.get_made("pairs", 60, make) is None
    assert made == (["one", "two"] if keeping else ["one", "one", "two"])


def test_what_was_made_ahead_is_found_made(tmp_path: Path) -> None:
    made = []

    def make(value: object) -> tuple[object]:
        made.append(value)
        return (value,)

    memory = Memory(tmp_path, "BYBIT", "x")
    make_ahead(tmp_path, "BYBIT", "pairs", make)  # there is nothing yet
    memory.put("pairs", "one", at_ms := now_ms() - 5000)
    make_ahead(tmp_path, "BYBIT", "pairs", make)
    assert memory.get_made("pairs", 60, make) == (("one",), at_ms)
    assert made == ["one"]
    assert memory.get_made("pairs", 4, make) is None  # it ages all the same
    assert Memory(tmp_path, "BYBIT", "http://another").get_made("pairs", 60, make) is None
    memory.put("pairs", "two")
    assert memory.get_made("pairs", 60, make)[0] == ("two",)  # type: ignore[index]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"value": 1, "at_ms": "soon", "base_url": "x"}'])
def test_what_cannot_be_read_is_not_made_ahead(tmp_path: Path, text: str) -> None:
    (tmp_path / "BYBIT.pairs.json").write_text(text)
    make_ahead(tmp_path, "BYBIT", "pairs", lambda value: pytest.fail(str(value)))
    assert Memory(tmp_path, "BYBIT", "x").get_made("pairs", 60, lambda value: value) is None
