"""Talk on stderr: levels, both formats, no secret, no trouble with a stderr that is gone."""

import io
import json
import logging
import re

import pytest

from marketctl import redact as redact_module
from marketctl.log import log, set_up
from marketctl.redact import protect


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    monkeypatch.setattr(redact_module, "_secrets", set())
    handlers, level = log.handlers[:], log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)


@pytest.mark.parametrize(
    ("verbose", "quiet", "said"),
    [
        (0, False, "error warning"),
        (0, True, "error"),
        (1, False, "error warning info"),
        (2, False, "error warning info debug"),
        (5, False, "error warning info debug"),
        (2, True, "error"),
    ],
)
def test_how_much_is_said(capsys, verbose, quiet, said):
    set_up(verbose, quiet, "text")
    for level in ("error", "warning", "info", "debug"):
        getattr(log, level)(level)
    out, err = capsys.readouterr()
    assert (out, err.split()) == ("", said.split())


def test_text_line_begins_with_provider_and_job(capsys):
    set_up(0, False, "text")
    log.warning("no list of %s", "coins", extra={"provider": "BYBIT", "job": "wallet"})
    log.warning("alone")
    assert capsys.readouterr().err == "BYBIT wallet: no list of coins\nalone\n"


def test_json_line_holds_all_fields_in_ascii(capsys):
    set_up(0, False, "json")
    log.warning("币\n\ud800", extra={"provider": "BYBIT", "job": "wallet", "reason": "bad-answer"})
    err = capsys.readouterr().err
    assert err.isascii()
    assert err.count("\n") == 1
    line = json.loads(err)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("at"))
    assert line == {
        "level": "warning",
        "message": "币\n\ud800",
        "provider": "BYBIT",
        "job": "wallet",
        "reason": "bad-answer",
    }


def test_control_characters_never_reach_the_terminal(capsys):
    set_up(0, False, "text")
    log.warning("red \x1b[31m\x07 half \ud800\rand\na second line")
    assert capsys.readouterr().err == "red \ufffd[31m\ufffd half \ufffd\ufffdand\na second line\n"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_are_hidden_also_in_arguments(capsys, log_format):
    protect(["s3cret/value"])
    set_up(0, False, log_format)
    log.warning("sent %s and s3cret%%2Fvalue", "s3cret/value")
    err = capsys.readouterr().err
    assert "s3cret" not in err
    assert err.count("***") == 2


def test_stderr_that_cannot_write_a_letter_gets_it_escaped(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr("sys.stderr", narrow)
    set_up(0, False, "text")
    log.warning("币")
    narrow.flush()
    assert narrow.buffer.getvalue() == b"\\u5e01\n"
    narrow.close()


class Gone(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


@pytest.mark.parametrize(
    "stderr", [None, Gone(BrokenPipeError()), Gone(OSError(28, "full")), Gone(ValueError("closed"))]
)
def test_stderr_that_went_away_is_no_failure(monkeypatch, stderr):
    monkeypatch.setattr("sys.stderr", stderr)
    set_up(0, False, "text")
    log.warning("nobody hears")


def test_nothing_goes_to_the_handlers_of_a_program_that_embeds_us(monkeypatch):
    heard = []
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler := logging.Handler()])
    monkeypatch.setattr(handler, "emit", heard.append)
    log.error("ours")
    assert heard == []
