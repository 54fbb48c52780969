"""What was known at a moment, against what was saved then. Long: prices and wallets go through the same moments."""

import bisect
import copy
import gzip
import json
import os
import random
import re
from pathlib import Path

import pytest

from marketctl.cli import invoke
from marketctl.config.credentials import load_credentials
from marketctl.errors import StorageFailed
from marketctl.files.archive import Archive, Member, archive_path, day_of, members
from marketctl.files.journal import append_journal, size_with
from marketctl.files.snapshots import write_snapshot
from marketctl.jobs.archive import compared, keep_in_archive
from marketctl.jobs.changes import compare
from marketctl.jobs.desk import Desk
from marketctl.jobs.run import Run
from marketctl.models import NETWORK_FIELDS, Quote
from marketctl.providers.loader import load_registry
from marketctl.times import from_iso, to_iso
from marketctl.views.at import PRICES, archived, missing_days, quotes_at, wallet_at

T0 = from_iso("2026-11-26T21:00:00Z")
DAY_MS = 86_400_000
REGISTRY = '[settings]\nredis_url = "none"\n[providers.BYBIT]\npath = "marketctl.providers.cex.bybit:BybitAdapter"\n'
MOMENTS = int(os.environ.get("AT_MOMENTS", "300"))


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "providers.toml"
    path.write_text(REGISTRY)
    return Run(Desk(load_registry(path, environ={}), load_credentials(tmp_path / "none.toml", environ={})))


def quote(dice):
    price = dice.randint(1, 10**9)
    return Quote("S", f"{price}.10", f"{price}.20" if dice.random() > 0.1 else None, *[None] * 8)


def test_prices_at_random_moments_are_those_of_then(run):
    """Six hours over midnight, pairs that move, come, go, are held for long; and before the first publish nothing."""
    dice = random.Random(1)
    registry, entry = run.registry, run.registry.provider("BYBIT")
    live: dict[str, Quote] = {f"P{number}/USDT": quote(dice) for number in range(30)}
    saved: list[tuple[int, dict[str, tuple[str | None, ...]], set[str]]] = []
    held: set[str] = set()
    before: dict[str, dict[str, str | None]] = {}
    at, after = T0, None
    for _ in range(400):
        at += dice.randint(1, 108_000)
        for pair in dice.sample(sorted(live), dice.randint(0, 5)):
            live[pair] = quote(dice)
        if dice.random() < 0.2:
            live.pop(dice.choice(sorted(live)))
        if dice.random() < 0.2:
            live[f"N{dice.randint(0, 99)}/USDT"] = quote(dice)
        earlier = held
        held = {pair for pair in sorted(held) if pair in live and dice.random() > 0.05}
        if dice.random() < 0.1:
            held.add(dice.choice(sorted(live)))
        out = {pair: one for pair, one in live.items() if pair not in held}
        moved, gone = compared(before, out)
        told = keep_in_archive(
            run, entry, out, collected_ms=at, after_ms=after, moved=moved,
            held=dict.fromkeys(held, "outlier"), fresh=held - earlier,
            gone=[*(pair for pair in gone if pair not in held), *(earlier - live.keys())],
        )  # fmt: skip
        assert told is None
        after = at
        before = {
            pair: {name: getattr(one, name) for name in ("bid", "ask", "last", "mid")} for pair, one in out.items()
        }
        saved.append((at, {pair: tuple(one.values()) for pair, one in before.items()}, held))
    times = [when for when, *_ in saved]
    for _ in range(MOMENTS):
        moment = dice.randint(T0 - 600_000, at + 600_000)
        found = quotes_at(registry, entry, moment)
        place = bisect.bisect_right(times, moment)
        if not place:
            assert found is None
            continue
        when, expected, kept_back = saved[place - 1]
        assert found.collected_ms == when
        rows = [found.row(pair) for pair in found.quotes]
        assert {row["pair"]: tuple(row[name] for name in PRICES) for row in rows if not row["held"]} == expected
        assert {row["pair"] for row in rows if row["held"] == "outlier"} == kept_back


def head(at):
    told = {"schema": 1, "provider": "BYBIT", "job": "wallet", "run_id": "r", "version": "0"}
    return told | {"collected_at": to_iso(at)}


def network(dice):
    told = dict.fromkeys(NETWORK_FIELDS)
    return told | {
        "network": dice.choice(["tron", None]),
        "deposit": dice.choice([True, False, None]),
        "withdraw_fee": "1",
    }


def change(assets, dice):
    """Change a wallet in place: fields, networks, assets."""
    code = dice.choice(sorted(assets))
    networks = assets[code]["networks"]
    match dice.randint(0, 6):
        case 0:
            assets[f"N{dice.randint(0, 999)}"] = asset(dice)
        case 1 if len(assets) > 5:
            del assets[code]
        case 2:
            networks[dice.choice("ABCD")] = network(dice)
        case 3 if networks:
            del networks[dice.choice(sorted(networks))]
        case 4 if networks:
            one = networks[dice.choice(sorted(networks))]
            one[dice.choice(["note", "withdraw_max", "network", "contract"])] = dice.choice(["1", "2", None])
        case _:
            assets[code][dice.choice(["deposit", "withdraw"])] = dice.choice([True, False, None])


def asset(dice):
    return {"ticker": "X", "name": None, "fiat": False, "precision": 8, "deposit": None, "withdraw": None} | {
        "networks": {key: network(dice) for key in dice.sample("ABCD", dice.randint(0, 3))}
    }


def test_wallets_at_random_moments_are_those_of_then(run):
    dice = random.Random(2)
    path = run.path("wallet", "BYBIT")
    assets = {f"C{number}": asset(dice) for number in range(20)}
    at, saved, changed, sizes = T0, [], [], []
    for turn in range(300):
        before = copy.deepcopy(assets) if turn else None
        at += dice.randint(1000, 3_600_000)
        for _ in range(dice.randint(0, 4) if turn else 0):
            change(assets, dice)
        lines = compare(before, assets).lines
        told = [{"at": to_iso(at), "run_id": f"r{turn}", "provider": "BYBIT", **line} for line in lines]
        changed += [(at, f"r{turn}")] if told else []
        append_journal(run.path("wallet", "BYBIT", ".changes.jsonl"), told)
        saved.append((at, copy.deepcopy(assets)))
        sizes.append(size_with(run.path("wallet", "BYBIT", ".changes.jsonl"), ()))
    head = {
        "schema": 1,
        "provider": "BYBIT",
        "job": "wallet",
        "run_id": "r",
        "collected_at": to_iso(at),
        "version": "0",
    }
    write_snapshot(path, head | {"known_since": to_iso(saved[0][0])}, "assets", assets)
    same_as_then(run, dice, saved, changed, at)
    # The journal is ahead by what five runs told: of one that died, or in a copy that was taken meanwhile.
    (when, assets), bytes_then = saved[-6], sizes[-6]
    told = {"known_since": to_iso(saved[0][0]), "journal_bytes": bytes_then, "collected_at": to_iso(when)}
    write_snapshot(path, head | told, "assets", assets)
    same_as_then(run, dice, saved, changed, when)


def same_as_then(run, dice, saved, changed, own_at):
    times = [when for when, _ in saved]
    for _ in range(MOMENTS // 4):
        moment = dice.choice(
            [dice.randint(T0 - 3_600_000, times[-1] + 600_000), dice.choice(times), dice.choice(times[-9:])]
        )
        place = bisect.bisect_right(times, moment)
        if not place:
            with pytest.raises(StorageFailed, match="the wallet of BYBIT is not known before"):
                wallet_at(run.registry, "BYBIT", moment)
        else:
            found = wallet_at(run.registry, "BYBIT", moment)
            assert found["assets"] == saved[place - 1][1]
            # From its own time on it is the snapshot as it is, unless the journal has more.
            first = (own_at, "r") if moment >= own_at else (saved[0][0], None)
            last = max((one for one in changed if first[0] < one[0] <= moment), default=first)
            assert (found["collected_at"], found["run_id"]) == (to_iso(last[0]), last[1])


def test_a_wallet_whose_journal_is_younger_is_not_known_before(run):
    head = {
        "schema": 1,
        "provider": "BYBIT",
        "job": "wallet",
        "run_id": "r",
        "collected_at": to_iso(T0),
        "version": "0",
    }
    write_snapshot(run.path("wallet", "BYBIT"), head, "assets", {"BTC": {"ticker": "BTC"}})
    with pytest.raises(StorageFailed, match=f"not known before {to_iso(T0)}"):
        wallet_at(run.registry, "BYBIT", T0 - 1)
    unknown = dict.fromkeys(("name", "precision", "fiat", "deposit", "withdraw"))
    assert wallet_at(run.registry, "BYBIT", T0)["assets"] == {"BTC": unknown | {"ticker": "BTC", "networks": {}}}


def test_an_archive_that_is_off_keeps_nothing(run, tmp_path):
    path = tmp_path / "providers.toml"
    path.write_text(path.read_text().replace("[providers", "history = { archive = false }\n[providers"))
    off = Run(Desk(load_registry(path, environ={}), load_credentials(tmp_path / "none.toml", environ={})))
    entry = off.registry.provider("BYBIT")
    one = {"A/B": Quote("S", "1", "2", *[None] * 8)}
    told = {"collected_ms": T0, "after_ms": None, "moved": ["A/B"], "gone": [], "held": {}}
    assert keep_in_archive(off, entry, one, **told) is None
    assert not (tmp_path / "data").exists()


def spoil(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x55
    path.write_bytes(data)


@pytest.mark.parametrize(("member", "place"), [(1, 75), (1, 20), (2, -1), (3, -3)])
def test_a_damaged_part_is_told_and_what_it_told_is_not_made_up(run, member, place):
    registry, entry = run.registry, run.registry.provider("BYBIT")
    data_dir = registry.settings.data_dir
    for number in range(5):
        at = to_iso(T0 + number * 1000)
        archive = Archive(data_dir, "BYBIT", T0 + number * 1000, 30)
        head = {"at": at, "run_id": "20261126T210000000Z-a4ceb9", "whole": archive.whole}
        archive.append(
            [json.dumps(one, separators=(",", ":")) for one in (head, {"at": at, "pair": "A/B", "bid": str(number)})]
        )
    path = archive_path(data_dir, "BYBIT", day_of(T0))
    found = members(path)
    spoil(path, (found[member].start if place > 0 else found[member].end) + place)
    told = quotes_at(registry, entry, T0 + 4000)
    assert (told.quotes["A/B"]["bid"], told.broken) == ("4", 1)
    broken: list[Member] = []
    records = archived(registry, entry, "A/B", T0, T0 + 9000, broken)
    assert [one["bid"] for one in records] == [str(number) for number in range(5) if number != member]
    assert len(broken) == 1


def test_a_member_whose_header_was_given_another_time_is_damaged(run):
    """The sum of a gzip member does not cover its header."""
    registry, entry = run.registry, run.registry.provider("BYBIT")
    for number in range(3):
        at = to_iso(T0 + number * 1000)
        archive = Archive(registry.settings.data_dir, "BYBIT", T0 + number * 1000, 30)
        head = {"at": at, "run_id": "20261126T210000000Z-a4ceb9", "whole": archive.whole}
        line = {"at": at, "pair": "A/B", "bid": str(number)}
        archive.append([json.dumps(one, separators=(",", ":")) for one in (head, line)])
    path = archive_path(registry.settings.data_dir, "BYBIT", day_of(T0))
    data = path.read_bytes()
    assert data.count(b".%013d." % (T0 + 2000)) == 1
    path.write_bytes(data.replace(b".%013d." % (T0 + 2000), b".%013d." % (T0 + 500)))
    told = quotes_at(registry, entry, T0 + 600)
    assert (told.quotes["A/B"]["bid"], told.collected_ms, told.broken) == ("0", T0, 1)
    broken: list[Member] = []
    records = archived(registry, entry, "A/B", T0, T0 + 9000, broken)
    assert ([one["bid"] for one in records], len(broken)) == (["0", "1"], 1)


def test_what_a_clock_that_went_back_wrote_stands_where_it_belongs(run):
    registry, entry = run.registry, run.registry.provider("BYBIT")
    for number, second in enumerate((600, 0, 700)):
        at = to_iso(T0 + second * 1000)
        archive = Archive(registry.settings.data_dir, "BYBIT", T0 + second * 1000, 30)
        head = {"at": at, "run_id": "20261126T210000000Z-a4ceb9", "whole": archive.whole}
        line = {"at": at, "pair": "A/B", "bid": str(number)}
        archive.append([json.dumps(one, separators=(",", ":")) for one in (head, line)])
    records = archived(registry, entry, "A/B", T0, T0 + 9_000_000, [])
    assert [(one["at_ms"] - T0, one["bid"]) for one in records] == [(0, "1"), (600_000, "0"), (700_000, "2")]


@pytest.mark.parametrize("place", [0, 20, 75])
def test_without_the_whole_set_nothing_is_known(run, place):
    registry, entry = run.registry, run.registry.provider("BYBIT")
    for number in range(2):
        archive = Archive(registry.settings.data_dir, "BYBIT", T0 + number * 1000, 30)
        archive.append(
            [f'{{"at":"{to_iso(T0)}","run_id":"20261126T210000000Z-a4ceb9","whole":{str(archive.whole).lower()}}}']
        )
    path = archive_path(registry.settings.data_dir, "BYBIT", day_of(T0))
    spoil(path, place)
    with pytest.raises(StorageFailed, match="is damaged: the set of all quotes before"):
        quotes_at(registry, entry, T0 + 1000)


def test_redis_that_goes_away_after_the_publish_costs_the_archive_a_line_and_nothing_else(tmp_path):
    """What was not asked stays live, and is written down from there; the mirror is still to come."""
    path = tmp_path / "providers.toml"
    path.write_text(REGISTRY.replace("none", "redis://127.0.0.1:1"))
    run = Run(Desk(load_registry(path, environ={}), load_credentials(tmp_path / "none.toml", environ={})))
    entry = run.registry.provider("BYBIT")
    one = {"A/B": Quote("S", "1", "2", *[None] * 8)}
    new = {"collected_ms": T0, "after_ms": None}
    told = keep_in_archive(run, entry, one, **new, moved=["A/B"], gone=[], held={}, complete=False)
    assert told is not None
    assert told.startswith("published, but not archived: cannot reach Redis at redis://127.0.0.1:1")


def test_a_line_is_what_duckdb_and_people_read(run):
    entry = run.registry.provider("BYBIT")
    one = {'A"/B': Quote("S", "1.10", None, None, None, "1", None, None, None, None, None)}
    new = {"collected_ms": T0, "after_ms": None}
    keep_in_archive(run, entry, one, **new, moved=[], gone=["C/D"], held={"E/F": "jump"}, fresh=["E/F"])
    path = archive_path(run.settings.data_dir, "BYBIT", "2026-11-26")
    first, *lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert first == {"at": "2026-11-26T21:00:00.000Z", "run_id": run.run_id, "whole": True}
    assert lines == [
        {"at": "2026-11-26T21:00:00.000Z", "pair": 'A"/B', "bid": "1.10", "last": "1"},
        {"at": "2026-11-26T21:00:00.000Z", "pair": "C/D", "gone": True},
        {"at": "2026-11-26T21:00:00.000Z", "pair": "E/F", "held": "jump"},
    ]


def test_a_publish_that_never_reached_the_archive_is_made_good_by_the_next(run):
    """A run killed between the two, or another machine's: what it moved does not move again."""
    registry, entry = run.registry, run.registry.provider("BYBIT")

    def prices(second):
        found = quotes_at(registry, entry, T0 + second * 1000)
        return {pair: one["bid"] for pair, one in found.quotes.items()}

    def keep(second, after, *, moved, gone=(), **bids):
        quotes = {f"{base}/USDT": Quote("S", bid, *[None] * 9) for base, bid in bids.items()}
        times = {"collected_ms": T0 + second * 1000, "after_ms": None if after is None else T0 + after * 1000}
        assert keep_in_archive(run, entry, quotes, **times, moved=moved, gone=gone, held={}) is None

    keep(0, None, moved=["A/USDT", "B/USDT", "C/USDT"], A="1", B="2", C="3")
    keep(10, 0, moved=["A/USDT"], A="1.5", B="2", C="3")
    # At 20 the run died: B moved and C went.
    keep(30, 20, moved=["A/USDT"], A="1.6", B="2.5")
    assert prices(30) == {"A/USDT": "1.6", "B/USDT": "2.5"}
    assert prices(29) == {"A/USDT": "1.5", "B/USDT": "2", "C/USDT": "3"}
    keep(40, 30, moved=[], A="1.6", B="2.5")  # and from there on what changed is enough
    path = archive_path(registry.settings.data_dir, "BYBIT", day_of(T0))
    assert re.findall(rb'"whole":(\w+)', gzip.decompress(path.read_bytes())) == [b"true", b"false", b"true", b"false"]


def test_what_was_not_asked_for_keeps_its_age(run):
    """Credits used up, or rates of a time of their own: neither is of the publish that left them alone."""
    registry, entry = run.registry, run.registry.provider("BYBIT")

    def keep(second, after, pairs, **more):
        times = {"collected_ms": T0 + second * 1000, "after_ms": None if after is None else T0 + after * 1000}
        quotes = {pair: Quote("S", "1", "2", *[None] * 8) for pair in pairs}
        assert keep_in_archive(run, entry, quotes, **times, gone=[], held={}, **{"moved": []} | more) is None

    def seconds(at):
        found = quotes_at(registry, entry, T0 + at * 1000)
        rows = {pair: found.row(pair) for pair in found.quotes}
        assert all(row["age_ms"] == at * 1000 - (from_iso(row["collected_at"]) - T0) for row in rows.values())
        return {pair: (from_iso(row["collected_at"]) - T0) // 1000 for pair, row in rows.items()}

    keep(0, None, ["A/B", "C/D", "E/F"], moved=["A/B", "C/D", "E/F"])
    keep(10, 0, ["A/B"], complete=False)
    keep(20, 10, ["C/D"], complete=False)
    keep(30, 20, ["A/B", "C/D", "E/F"], own_ms={"C/D": T0 + 20_000, "E/F": T0})
    keep(40, 30, ["A/B", "C/D", "E/F"])
    assert [seconds(at) for at in (5, 15, 25, 35, 45)] == [
        {"A/B": 0, "C/D": 0, "E/F": 0},
        {"A/B": 10, "C/D": 0, "E/F": 0},
        {"A/B": 10, "C/D": 20, "E/F": 0},
        {"A/B": 30, "C/D": 20, "E/F": 0},
        {"A/B": 40, "C/D": 40, "E/F": 40},
    ]
    path = archive_path(registry.settings.data_dir, "BYBIT", day_of(T0))
    parts = [b"part" in line for line in gzip.decompress(path.read_bytes()).splitlines() if b"run_id" in line]
    assert parts == [False, True, True, True, False]
    # An hour later all are written once more, each under its own time.
    keep(4000, 40, ["A/B", "C/D"], own_ms={"C/D": T0 + 3_990_000})
    assert seconds(4001) == {"A/B": 4000, "C/D": 3990}


@pytest.mark.parametrize("data", [bytes(4096), gzip.compress(b'{"hello":1}\n' * 99, mtime=0) + bytes(60)])
def test_a_file_that_is_not_ours_is_told_and_never_read(run, data):
    registry, entry = run.registry, run.registry.provider("BYBIT")
    path = archive_path(registry.settings.data_dir, "BYBIT", day_of(T0))
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(StorageFailed, match="is damaged: the set of all quotes before"):
        quotes_at(registry, entry, T0)
    broken: list[Member] = []
    assert (archived(registry, entry, "A/B", T0, T0 + 9000, broken), len(broken)) == ([], 1)
    # What comes next stands behind it, and the bytes stay where somebody may look at them.
    one = {"A/B": Quote("S", "1", "2", *[None] * 9)}
    told = keep_in_archive(run, entry, one, collected_ms=T0, after_ms=None, moved=["A/B"], gone=[], held={})
    assert (told, path.read_bytes()[: len(data)]) == (None, data)
    assert (quotes_at(registry, entry, T0).quotes["A/B"]["bid"], quotes_at(registry, entry, T0).broken) == ("1", 0)
    broken.clear()
    assert [one["bid"] for one in archived(registry, entry, "A/B", T0, T0 + 9000, broken)] == ["1"]
    assert len(broken) == 1


def test_what_a_crash_left_of_the_first_part_is_nothing(run):
    registry, entry = run.registry, run.registry.provider("BYBIT")
    path = archive_path(registry.settings.data_dir, "BYBIT", day_of(T0))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x1f\x8b\x08\x08\x00")
    broken: list[Member] = []
    assert (quotes_at(registry, entry, T0), archived(registry, entry, "A/B", T0, T0 + 9, broken)) == (None, [])
    assert broken == []


def test_a_copy_of_another_day_tells_nothing_twice(run):
    registry, entry = run.registry, run.registry.provider("BYBIT")
    one = {"A/B": Quote("S", "1", "2", *[None] * 9)}
    keep_in_archive(run, entry, one, collected_ms=T0, after_ms=None, moved=["A/B"], gone=[], held={})
    path = archive_path(registry.settings.data_dir, "BYBIT", day_of(T0 - DAY_MS))
    path.parent.mkdir()
    path.write_bytes(archive_path(registry.settings.data_dir, "BYBIT", day_of(T0)).read_bytes())
    broken: list[Member] = []
    records = archived(registry, entry, "A/B", T0 - DAY_MS, T0 + 9000, broken)
    assert ([one["bid"] for one in records], len(broken)) == (["1"], 1)
    (path.parents[1] / "2026-11-20").write_text("a file, no day")
    with pytest.raises(StorageFailed, match=f"^{re.escape(str(path))} is damaged: the set of all quotes before "):
        quotes_at(registry, entry, T0 - DAY_MS)


def test_a_pair_that_history_no_longer_keeps_is_not_known_from_then_on(run, tmp_path):
    """Its last price is not told as that of later moments; what is held of it is not kept either."""
    quotes = {pair: Quote("S", "1", "2", *[None] * 9) for pair in ("A/USDT", "B/USDT")}
    entry, path = run.registry.provider("BYBIT"), tmp_path / "providers.toml"
    told = {"gone": [], "held": {}}
    keep_in_archive(run, entry, quotes, collected_ms=T0, after_ms=None, moved=list(quotes), **told)
    path.write_text(path.read_text().replace("[providers", 'history = { pairs = ["A/*"] }\n[providers'))
    few = Run(Desk(load_registry(path, environ={}), load_credentials(tmp_path / "none.toml", environ={})))
    told["held"] = {"B/USDT": "jump"}
    keep_in_archive(few, entry, quotes, collected_ms=T0 + 1, after_ms=T0, moved=[], fresh=["B/USDT"], **told)
    assert sorted(quotes_at(run.registry, entry, T0).quotes) == ["A/USDT", "B/USDT"]
    assert sorted(quotes_at(run.registry, entry, T0 + 1).quotes) == ["A/USDT"]


def test_days_without_a_file_between_others_are_told(run, capsys):
    registry, entry = run.registry, run.registry.provider("BYBIT")
    for day in (0, 2, 5):
        at_ms = T0 + day * DAY_MS
        archive = Archive(registry.settings.data_dir, "BYBIT", at_ms, 36500)
        head = {"at": to_iso(at_ms), "run_id": "20261126T210000000Z-a4ceb9", "whole": archive.whole}
        line = {"at": to_iso(at_ms), "pair": "A/B", "bid": str(day + 1)}
        archive.append([json.dumps(one, separators=(",", ":")) for one in (head, line)])
    days = [day_of(T0 + day * DAY_MS) for day in range(6)]
    assert missing_days(registry, entry, T0 - 9 * DAY_MS) == [days[1], days[3], days[4]]
    assert missing_days(registry, entry, T0 + 3 * DAY_MS) == [days[3], days[4]]
    assert missing_days(registry, entry, T0 + 5 * DAY_MS) == []
    assert missing_days(registry, entry, T0 + 9 * DAY_MS) == []
    assert missing_days(registry, registry.provider("BYBIT")._replace(name="MEXC"), T0) == []
    assert invoke(["--config", str(registry.path), "prices", "history", "BYBIT", "A/B", "--since", "2020-01-01"]) == 0
    told = f"nothing is kept of {days[1]}, {days[3]}, {days[4]}: what BYBIT A/B was then is not known\n"
    assert told in capsys.readouterr().err
