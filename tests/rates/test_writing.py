"""The files of an export: whole at any moment, emptied, and nothing else replaced."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import pytest

from marketctl.errors import Busy, ConfigError, StorageFailed
from marketctl.rates.account import read_account
from marketctl.rates.build import build_lock
from marketctl.rates.writing import withdraw
from tests.desk import quote
from tests.rates.checker import check_export
from tests.rates.world import DIRECTION, World, usdt


def test_what_does_not_change_keeps_its_bytes_and_its_time(world):
    world.build()
    paths = [world.xml, world.data / "rates" / "rates.json"]
    before = [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in paths]
    assert world.build().written == []
    assert [(path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in paths] == before
    world.quotes("RAPIRA", **{"USDT/RUB": quote("93", "94")})
    assert world.build().written == paths


def test_a_typo_empties_the_export_and_says_where_it_is(world):
    world.build()
    good = world.rates.read_text()
    world.rates.write_text(good.replace("RUB bid", "RUB bud"))
    with pytest.raises(ConfigError, match=r"line 12, column 25: .*did you mean bid"):
        world.build()
    assert check_export(world.xml.read_bytes()) == []
    world.rates.write_text(good)
    assert world.reason() is None  # a typo is no fault of the market's: nothing has to come back


@pytest.mark.parametrize("broken", ["[export", '[export]\nxml = "other.xml"\ngood_build = 3\n'])
def test_the_export_is_found_and_emptied_without_an_account(world, broken):
    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nxml = "other.xml"'))
    world.build()
    other = world.folder / "other.xml"
    assert len(check_export(other.read_bytes())) == 1
    if "other" in broken:
        (world.data / "rates" / "account.json").unlink()
    world.rates.write_text(broken)
    with pytest.raises(ConfigError):
        world.build()
    assert check_export(other.read_bytes()) == []


def test_a_file_that_is_not_written_any_more_is_emptied(world):
    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nxml = "other.xml"'))
    world.build()
    world.directions(DIRECTION)
    world.build()
    assert check_export((world.folder / "other.xml").read_bytes()) == []
    assert len(check_export(world.xml.read_bytes())) == 1


def test_withdraw_touches_no_file_that_is_no_export(world):
    page = world.folder / "page.html"
    page.write_text("<html>")
    world.rates.write_text(f'[export]\nxml = "{page}"\n')
    assert withdraw(world.data / "rates", world.rates) == []
    assert page.read_text() == "<html>"


@pytest.mark.parametrize("other", ["[BYBIT]\napi_secret = 'x'\n", '{"quotes": {}}', "a page"])
def test_a_build_replaces_nothing_that_is_no_export(world, other):
    (world.folder / "mine").write_text(other)
    world.build()
    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nxml = "mine"'))
    with pytest.raises(StorageFailed, match="mine holds something else than rates, and is not replaced"):
        world.build()
    assert (world.folder / "mine").read_text() == other
    (world.folder / "mine").write_text("")
    world.build()
    assert len(check_export((world.folder / "mine").read_bytes())) == 1


def test_a_build_replaces_no_device(world):
    os.mkfifo(world.folder / "pipe")
    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nxml = "pipe"'))
    with pytest.raises(StorageFailed, match="pipe is no regular file, and is not replaced"):
        world.build()
    assert (world.folder / "pipe").is_fifo()
    world.rates.write_text(world.rates.read_text().replace('xml = "pipe"', ""))
    world.build()  # it stands in the account as a file of the last build


def test_a_folder_that_is_named_for_the_export_is_not_to_be_moved_away(world):
    world.rates.write_text(world.rates.read_text().replace("[export]", '[export]\nxml = "data"'))
    with pytest.raises(StorageFailed, match="/data is no regular file, and is not replaced") as error:
        world.build()
    assert error.value.hint == "name another file in [export]"


def test_a_file_that_cannot_be_written_leaves_no_other_with_old_rates(world):
    world.build()
    assert len(json.loads((world.data / "rates" / "rates.json").read_text())["rates"]) == 1
    world.xml.unlink()
    world.xml.mkdir()
    world.wallet("MEXC", USDT=usdt(deposit=False))
    with pytest.raises(StorageFailed, match="is no regular file"):
        world.build()
    assert json.loads((world.data / "rates" / "rates.json").read_text())["rates"] == []
    world.rates.write_text("broken")
    with pytest.raises(ConfigError):
        world.build()


def test_two_builds_do_not_overlap(world):
    with build_lock(world.data / "rates", 0), pytest.raises(Busy):
        world.builder.build(lock_wait_s=0.1)
    started = threading.Event()

    def hold() -> None:
        with build_lock(world.data / "rates", 0):
            started.set()
            time.sleep(0.2)
            world.quotes("RAPIRA", **{"USDT/RUB": quote("95", "96")})

    thread = threading.Thread(target=hold)
    thread.start()
    started.wait()
    (outcome,) = world.build().outcomes  # waited, and read the market after that
    thread.join()
    assert outcome.rate == Fraction("93.575")


KILLED = """
import sys
from pathlib import Path
from marketctl.models import Quote
from tests.desk import quote
from tests.rates.world import World
world = World(Path(sys.argv[1]))
print("on", flush=True)
turn = 0
while True:
    turn += 1
    world.quotes("RAPIRA", 3600 if turn % 5 == 0 else 1, **{"USDT/RUB": quote(str(90 + turn % 7), "99")})
    world.build()
"""


def test_killed_at_any_moment_it_leaves_whole_files(tmp_path):
    folder = tmp_path / "desk"
    chance = random.Random(17)
    root = Path(__file__).parent.parent.parent
    for _ in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, cwd=root, env=os.environ
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"on\n"
            time.sleep(chance.uniform(0.005, 0.12))
            child.send_signal(signal.SIGKILL)
        xml = folder / "data" / "rates" / "rates.xml"
        if xml.exists():
            assert len(check_export(xml.read_bytes())) <= 1
            if xml.with_name("rates.json").exists():  # it comes second, the first time
                json.loads(xml.with_name("rates.json").read_text())
            assert not read_account(xml.parent).broken
    world = World(folder)
    assert [world.reason() for _ in range(3)][-1] is None
    assert [path.name for path in world.xml.parent.iterdir() if path.suffix == ".tmp"] == []
