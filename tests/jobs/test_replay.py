"""A dump of XML and of a POST holds what was sent, and today's reader reads it again offline."""

import pytest

from marketctl.config.credentials import load_credentials
from marketctl.jobs.desk import Desk
from marketctl.jobs.dump import dump_job
from marketctl.jobs.dump_file import read_dump
from marketctl.jobs.replay import replay
from marketctl.jobs.run import Run
from marketctl.providers.base import Provider
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.loader import load_registry
from tests.wire import Wire, reply

RATES = '<?xml version="1.0" encoding="windows-1251"?><rates><r code="USD" name="Доллар">81.4402</r></rates>'


class BankAdapter(Provider):
    """A source that speaks XML in windows-1251, and JSON after a POST."""

    kind = "BANK"
    base_url = "https://bank.example"
    endpoints = ("GET /rates.xml", "POST /day")
    formats = {"GET /rates.xml": "xml"}

    def prices(self):
        text = self.get("/rates.xml").decode("windows-1251")
        day = [self.post("/day", {"code": code})["rate"] for code in ("EUR", "TRY")]
        batch = QuoteBatch(PairList([]))
        batch.add_rate("USD/RUB", text.partition('">')[2].partition("<")[0])
        batch.add_rate("EUR/RUB", day[0])
        batch.add_rate("TRY/RUB", day[1])
        return batch


@pytest.fixture
def bank(tmp_path):
    wire = Wire(
        reply(200, RATES.encode("windows-1251")), reply(200, b'{"rate": 94.10}'), reply(200, b'{"rate": 1.920}')
    )
    path = tmp_path / "providers.toml"
    path.write_text(
        '[settings]\nredis_url = "none"\n[providers.BANK]\n'
        f'path = "{__name__}:BankAdapter"\nenabled = true\nbase_url = "{wire.url}"\n'
    )
    path.chmod(0o600)
    registry = load_registry(path, environ={})
    with Desk(registry, load_credentials(tmp_path / "credentials.toml", {})) as desk:
        run = Run(desk)
        yield run, registry.providers["BANK"]
    wire.stop()


def test_raw_answers_and_posts_are_dumped_and_replayed(bank, tmp_path):
    run, entry = bank
    result = dump_job(run, entry, "prices", str(tmp_path / "d.json"))
    dump = read_dump(tmp_path / "d.json")
    assert (result.status, result.counts["written"]) == ("ok", True)
    assert [(one["method"], one["encoding"], one.get("request_body")) for one in dump["requests"]] == [
        ("GET", "base64", None),
        ("POST", "utf-8", '{"code":"EUR"}'),
        ("POST", "utf-8", '{"code":"TRY"}'),
    ]
    mids = {pair: quote["mid"] for pair, quote in dump["batch"]["quotes"].items()}
    assert mids == {"EUR/RUB": "94.10", "TRY/RUB": "1.920", "USD/RUB": "81.4402"}
    again = replay(entry._replace(base_url=None), dump)
    assert again == dump["batch"]
