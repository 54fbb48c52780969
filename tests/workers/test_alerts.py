"""Alerts with workers: told once over all machines, from what Redis has, whichever of them looks."""

import json
import subprocess
from functools import partial

import pytest

pytest.importorskip("celery", reason="celery is not installed: pip install celery[redis] (the extra celery)")
pytest.importorskip("apprise", reason="apprise is not installed: pip install apprise (the extra notify)")

from marketctl.cli import invoke
from marketctl.errors import EXIT_BUSY
from tests.notify.receivers import PATIENCE_S, SECRET, Webhook
from tests.workers.fleet import Fleet, wait_for

WATCH = """
[watch]
assets = ["USDT"]
networks = ["tron"]
fee = false
stale = false
twins = false
failing_after = false
"""


def wallets(fleet: Fleet, capsys: pytest.CaptureFixture[str], closed: bool) -> None:
    """Have KUCOIN's wallet collected on a machine until USDT's withdrawals over tron are closed or open."""
    data = fleet.environment("collector")["MARKETCTL_DATA_DIR"]
    for _ in range(8):
        capsys.readouterr()
        for words in (["wallet", "sync", "-q", "-p", "KUCOIN"], ["asset", "USDT", "--format", "ndjson"]):
            assert invoke(["--config", str(fleet.registry), "--data-dir", data, *words]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        if {row["withdraw"] for row in rows if row.get("network") == "tron"} == {not closed}:
            return
    pytest.fail("the sandbox's network does not move")


def unless_busy(fleet: Fleet, words: tuple[str, ...]) -> subprocess.CompletedProcess[str] | None:
    """Return what the command said, or None where a worker was telling at that moment (75: "another run tells")."""
    said = fleet.marketctl(*words)
    return None if said.returncode == EXIT_BUSY else said


def test_alerts_are_told_once_over_all_machines_from_what_redis_has(tmp_path, capsys, no_sleep):
    fleet = Fleet(tmp_path)
    try:
        with Webhook() as hook:
            fleet.registry.write_text(fleet.registry.read_text() + WATCH)
            keys = fleet.registry.with_name("credentials.toml")
            keys.write_text(f'{keys.read_text()}\n[notify]\nhook = "{hook.url}"\n')
            # The wallet is collected on another machine than those that tell, whose folders have none.
            wallets(fleet, capsys, closed=False)
            fleet.start("south", "worker", "-c", "1", "-Q", "prices,alerts")
            fleet.start("north", "worker", "-c", "1", "-Q", "prices,alerts")
            fleet.start("north", "beat")
            wait_for(lambda: fleet.server.say("EXISTS", "marketctl:notify"), PATIENCE_S)
            assert hook.messages == []
            wallets(fleet, capsys, closed=True)
            (closed,) = wait_for(lambda: hook.messages, PATIENCE_S)
            assert closed.startswith("USDT · tron: withdrawals closed at 1 of 1")
            shown = json.loads(fleet.marketctl("notify", "status", "--json").stdout)
            assert [one["key"] for one in shown["active"]] == ["door USDT tron withdraw"]
            # Who looks by hand goes by what the workers told, and by their wallets.
            for words in (("notify", "run", "--dry-run"), ("notify", "run")):
                looked = wait_for(partial(unless_busy, fleet, words), PATIENCE_S)
                assert (looked.returncode, looked.stdout, hook.messages) == (0, "", [closed])
            fleet.kill("south", "worker")  # whoever told it: the other goes on
            wallets(fleet, capsys, closed=False)
            wait_for(lambda: len(hook.messages) > 1, PATIENCE_S)
            assert [text.split(";")[0] for text in hook.messages[1:]] == [
                "USDT · tron: withdrawals open again at 1 of 1"
            ]
            assert not list(tmp_path.glob("[ns]o*th/data/wallet/*.json"))
            assert SECRET not in fleet.told()
            assert fleet.server.say("LLEN", "marketctl:celery:alerts") <= 2
    finally:
        fleet.close()
