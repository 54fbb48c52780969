"""One cause is told once, whomever it met."""

import json
import re

from marketctl.cli.globals import Globals
from marketctl.cli.progress import Progress
from marketctl.jobs.result import Result

AWAY = "Redis at redis://127.0.0.1:1/0"


def failed(provider, job, message="away"):
    return Result(provider, job, "failed", "redis", message, "start it")


def test_redis_that_is_away_is_told_once(ctl, folder):
    path = folder / "providers.toml"
    path.write_text(path.read_text().replace('"embedded"', '"redis://127.0.0.1:1/0"'))
    code, out, told = ctl("run", "--once", "--task", "prices", "--json")
    assert code == 1
    first, rest = told.splitlines()
    assert told.count(AWAY) == 1
    found = [(one["provider"], one["message"]) for one in json.loads(out)["results"] if one["status"] == "failed"]
    (name, message), *others = found
    assert {why for _, why in others} == {message}
    assert first.startswith(f"{name} prices: failed (redis): {message.rstrip('.')}")
    names = ", ".join(other for other, _ in others)
    assert rest == f"marketctl: failed (redis) as {name} prices did: prices of {len(others)} providers ({names})"


def test_a_bundle_of_certificates_that_is_gone_is_told_once(ctl, folder, monkeypatch, tmp_path):
    path = folder / "providers.toml"
    text = path.read_text().replace('"embedded"', '"none"')
    path.write_text(re.sub(r'base_url = "http://[^"]*"', 'base_url = "https://127.0.0.1:9"', text))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "gone.pem"))
    code, _, told = ctl("run", "--once", "--task", "prices", "-q")
    assert code == 4
    first, rest = told.splitlines()
    assert "prices: failed (config): " in first
    assert first.endswith("gone.pem. Next: set REQUESTS_CA_BUNDLE to a file that is there, or unset it.")
    assert rest.startswith("marketctl: failed (config) as ")


def test_the_first_of_each_cause_is_told_at_once(capsys):
    from marketctl.log import set_up

    set_up(0, False, "text")
    progress = Progress(Globals())
    progress.done(failed("A", "prices"))
    assert capsys.readouterr().err == "A prices: failed (redis): away. Next: start it.\n"
    progress.done(failed("B", "prices", "another cause"))
    assert capsys.readouterr().err == "B prices: failed (redis): another cause. Next: start it.\n"
    for number in range(15):
        progress.done(failed(f"P{number}", "prices"))
    progress.done(failed("B", "stats"))
    assert capsys.readouterr().err == ""
    progress.end()
    names = ", ".join(f"P{number}" for number in range(12))
    assert capsys.readouterr().err == (
        f"marketctl: failed (redis) as A prices did: prices of 15 providers ({names} and 3 others), stats of B\n"
    )
    progress.done(failed("A", "prices"))  # of the next run
    assert capsys.readouterr().err == "A prices: failed (redis): away. Next: start it.\n"


def test_a_full_disk_is_one_cause_though_each_has_a_file_of_its_own(capsys):
    from marketctl.log import set_up

    set_up(0, False, "text")
    progress = Progress(Globals())
    for name in ("MEXC", "HTX", "KUCOIN"):
        progress.done(failed(name, "prices", f"cannot write /data/prices/{name}.json: No space left on device"))
    progress.end()
    assert capsys.readouterr().err == (
        "MEXC prices: failed (redis): cannot write /data/prices/MEXC.json: No space left on device. Next: start it.\n"
        "marketctl: failed (redis) as MEXC prices did: prices of 2 providers (HTX, KUCOIN)\n"
    )
