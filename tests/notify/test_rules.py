"""What is told of one picture after another: new, changed, over, repeated, too often; in words of both languages."""

import json
from decimal import Decimal
from typing import Any

import pytest

from marketctl.config.watch import WatchSettings
from marketctl.notify.ledger import Ledger
from marketctl.notify.picture import Condition, Picture
from marketctl.notify.rules import compare, is_muted
from marketctl.notify.words import lines

MINUTE = 60_000
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
KEY = "door USDT tron withdraw"
WATCH = WatchSettings(assets=("USDT",), fee=Decimal(20))


class Desk:
    """A ledger, and pictures that are shown to it at some minute."""

    def __init__(self, settings: WatchSettings = WATCH) -> None:
        self.ledger = Ledger()
        self.settings = settings

    def see(self, minute: float, closed: str = "", *, fees: dict[str, str] | None = None, changed: Any = None,
            language: str = "en", more: tuple[Condition, ...] = (), unknown: bool = False) -> list[str]:  # fmt: skip
        picture = Picture(START + round(minute * MINUTE), fees=fees or {})
        facts = {"asset": "USDT", "network": "tron", "door": "withdraw", "of": 3, "ways": [["ton", "0.249"]]}
        facts |= {"closed": closed.split(), "notes": {}}
        if unknown:
            picture.unknown.add(KEY)
        elif closed:
            picture.add(Condition(KEY, "door", facts, closed))
        else:
            picture.open_doors[KEY] = facts
        for one in more:
            picture.add(one)
        return [one["text"] for one in lines(compare(picture, self.ledger, self.settings, changed or {}), language)]


def test_closed_more_closed_open():
    desk = Desk()
    assert desk.see(0) == []
    assert desk.see(1, "A") == ["USDT · tron: withdrawals closed at 1 of 3 (A); open: ton 0.249"]
    assert desk.see(2, "A") == []
    assert desk.see(3, "A B C") == ["USDT · tron: withdrawals closed at 3 of 3; open: ton 0.249"]
    assert desk.see(201) == ["USDT · tron: withdrawals open again at 3 of 3; resolved after 3 h 20 min"]
    assert desk.see(202) == []


def test_what_is_unknown_is_neither_over_nor_new():
    desk = Desk()
    desk.see(0, "A")
    assert desk.see(1, unknown=True) == []
    assert desk.see(2, "A") == []


def test_repeated_after_a_day_and_never_when_switched_off():
    desk = Desk()
    desk.see(0, "A B C")
    assert desk.see(1439, "A B C") == []
    assert desk.see(1440, "A B C") == ["still: USDT · tron: withdrawals closed at 3 of 3; open: ton 0.249"]
    assert desk.see(1441, "A B C") == []
    quiet = Desk(WatchSettings(assets=("USDT",), repeat_after_s=None))
    quiet.see(0, "A")
    assert quiet.see(100_000, "A") == []


def test_a_clock_that_ran_ahead_silences_nothing():
    desk = Desk()
    year = 366 * 1440
    desk.see(year)
    desk.see(year + 1, "A B C")
    desk.see(0, "A B C")  # set right
    assert desk.see(1440, "A B C")[0].startswith("still: ")
    restless = Desk()
    for minute in range(8):
        restless.see(year + minute, "A" * (minute % 2))
    restless.see(0)
    assert restless.see(31)[0].startswith("USDT · tron: withdrawals open again")


def test_what_changes_too_often_is_told_once_and_again_when_it_is_steady():
    desk = Desk()
    desk.see(0)
    told = [desk.see(minute, "A" if minute % 2 else "") for minute in range(1, 31)]
    assert [len(one) for one in told[:6]] == [1, 1, 1, 1, 1, 0]
    assert told[4] == [
        "USDT · tron: withdrawals closed at 1 of 3 (A); open: ton 0.249 "
        "(changed 5 times within an hour: silent until it is steady)"
    ]
    assert sum(map(len, told)) == 5
    assert desk.see(40) == []
    assert desk.see(61) == ["USDT · tron: withdrawals open again at 3 of 3"]


@pytest.mark.parametrize(
    ("kind", "key", "facts", "said"),
    [
        ("failing", "failing A prices", {"provider": "A", "job": "prices", "reason": "network"},
         "prices of A working again"),
        ("stale", "stale A wallet", {"provider": "A", "job": "wallet", "reason": None}, "wallet of A fresh again"),
        ("above", "above BTC/USDT", {"pair": "BTC/USDT", "price": "2", "at": "A", "bound": "1"},
         "BTC/USDT no longer above 1"),
        ("held", "held A", {"provider": "A", "count": 3}, "A: no quote held back any more"),
        ("twin", "twin X", {"asset": "X", "venues": ["A", "B"], "why": "w"}, "X: A, B: no other coin any more"),
        ("door", "door X ton deposit", {"asset": "X", "network": "ton", "door": "deposit", "of": 1, "closed": ["A"],
         "ways": [], "notes": {}}, "X · ton: deposits: no venue lists it any more"),
    ],
)  # fmt: skip
def test_what_changed_too_often_and_is_over_is_told_in_its_own_words(kind, key, facts, said):
    desk = Desk()
    desk.see(0)
    told = [desk.see(minute, more=(Condition(key, kind, facts),) if minute % 2 else ()) for minute in range(1, 7)]
    assert [len(one) for one in told] == [1, 1, 1, 1, 1, 0]
    desk.ledger = Ledger.read(json.dumps(desk.ledger.document()).encode(), "here")
    assert desk.see(40) == [said]
    assert desk.see(41) == []
    assert desk.ledger.calm == {}


def test_closed_and_open_again_between_two_looks():
    desk = Desk()
    desk.see(0)
    changed = {KEY: {"A": [START, START + 1], "B": [START]}}
    assert desk.see(1, changed=changed) == [
        "USDT · tron: withdrawals closed and opened again at A (2 changes), now open"
    ]
    assert desk.see(2, "A", changed={KEY: {"A": [START]}}) == [
        "USDT · tron: withdrawals closed at 1 of 3 (A); open: ton 0.249"
    ]


def test_fees_by_more_than_so_much_since_they_were_told():
    desk = Desk()
    name = "USDT tron A"
    assert desk.see(0, fees={name: "1"}) == []
    assert desk.see(1, fees={name: "1.2"}) == []
    assert desk.see(2, fees={name: "1.21", "USDT tron B": "5"}) == ["USDT · tron: fee 1 → 1.21 (+21 %) A"]
    assert desk.see(3, fees={name: "1.21"}) == []
    assert desk.see(4, fees={name: "0"}) == ["USDT · tron: fee 1.21 → 0 (-100 %) A"]


def test_one_cause_is_one_line():
    def failing(provider: str, job: str, reason: str = "network") -> Condition:
        facts = {"provider": provider, "job": job, "reason": reason, "since": "2026-01-01T00:00:00.000Z"}
        return Condition(f"failing {provider} {job}", "failing", facts, reason)

    desk = Desk()
    desk.see(0)
    more = (failing("A", "prices"), failing("B", "prices"), failing("C", "wallet", "auth"))
    assert desk.see(20, more=more) == [
        "prices of A, B failing since 2026-01-01 00:00 UTC: network",
        "wallet of C failing since 2026-01-01 00:00 UTC: auth",
    ]
    assert desk.see(30) == [
        "prices of A, B working again; resolved after 10 min",
        "wallet of C working again; resolved after 10 min",
    ]


def test_both_doors_are_one_line_and_russian_is_russian():
    facts = {"asset": "USDT", "network": "tron", "door": "deposit", "of": 3, "ways": [["ton", "0.249"]]}
    deposit = Condition("door USDT tron deposit", "door", facts | {"closed": ["A", "B", "C"], "notes": {}}, "A B C")
    desk = Desk()
    desk.see(0)
    assert desk.see(1, "A B C", more=(deposit,), language="ru") == [
        "USDT · tron: вывод и ввод закрыты на 3 из 3; открыты: ton 0.249"
    ]


@pytest.mark.parametrize(
    ("pattern", "muted"),
    [("tron", True), ("USDT", True), ("door usdt *", True), ("all", True), ("ton", False), ("door BTC *", False)],
)
def test_mutes_until_their_time(pattern, muted):
    desk = Desk()
    picture = Picture(START)
    picture.add(Condition(KEY, "door", {}))
    (event,) = compare(picture, desk.ledger, desk.settings, {})
    desk.ledger.mutes = {pattern: START + 10}
    assert is_muted(desk.ledger, event.key, START) is muted
    assert not is_muted(desk.ledger, event.key, START + 10)


STILL = "still: USDT · tron: withdrawals closed at 1 of 3 (A); open: ton 0.249"
AGAIN = "USDT · tron: withdrawals open again at 3 of 3"


@pytest.mark.parametrize(
    ("before", "meanwhile", "after", "told"),
    [
        ("", ("A",), "A", [STILL]),  # closed under the mute, and still so
        ("", ("A", "A B", "A"), "A", [STILL]),
        ("", ("A", ""), "", []),  # came and went
        ("A", ("", ""), "", [AGAIN]),  # what was told last is over
        ("A", ("", "A"), "A", []),  # as it was told
        ("A", ("A",), "A", []),
        ("A", ("A B C",), "A B C", ["still: USDT · tron: withdrawals closed at 3 of 3; open: ton 0.249"]),
        ("", ("A",), "A B C", ["USDT · tron: withdrawals closed at 3 of 3; open: ton 0.249"]),  # changed just now
    ],
)
@pytest.mark.parametrize("ends", ["taken back", "by itself"])
def test_what_changed_under_a_mute_is_told_when_it_ends(before, meanwhile, after, told, ends):
    desk = Desk()
    desk.see(0)
    desk.see(1, before)
    desk.ledger.mutes = {"tron": None if ends == "taken back" else START + 30 * MINUTE}
    for minute, closed in enumerate(meanwhile, 2):
        desk.see(minute, closed)
    desk.ledger = Ledger.read(json.dumps(desk.ledger.document()).encode(), "here")
    if ends == "taken back":
        desk.ledger.mutes = {}
    assert desk.see(40, unknown=True) == []  # not known: it waits
    assert desk.see(41, after) == told
    assert desk.see(42, after) == []
    assert desk.ledger.unsaid == {}


def test_what_is_so_at_a_first_look_under_a_mute_is_told_when_that_ends():
    desk = Desk()
    desk.ledger.mutes = {"all": None}
    desk.see(0, "A")
    desk.ledger.mutes = {}
    assert desk.see(1, "A") == [STILL]


def test_a_job_that_works_again_under_a_mute_is_told_when_it_ends():
    desk = Desk()
    failing = Condition(
        "failing A prices", "failing", {"provider": "A", "job": "prices", "reason": "network"}, "network"
    )
    desk.see(0)
    desk.see(1, more=(failing,))
    desk.ledger.mutes = {"failing": None}
    desk.see(2)
    desk.ledger.mutes = {}
    assert desk.see(3) == ["prices of A working again"]


def test_a_fee_that_moved_under_a_mute_is_told_from_what_was_told_last():
    desk = Desk()
    for minute, fee in enumerate(("1", "1.3", "2")):
        desk.see(minute, fees={"USDT tron A": fee})
        desk.ledger.mutes = {"fee": None}
    desk.ledger.mutes = {}
    assert desk.see(3, fees={"USDT tron A": "2"}) == ["USDT · tron: fee 1 → 2 (+100 %) A"]
    assert desk.see(4, fees={"USDT tron A": "2"}) == []
    assert desk.ledger.unsaid == {}
