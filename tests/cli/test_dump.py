"""A dump may come from anybody: what it says is shown, never obeyed."""

import json
import os
import re
from threading import Thread

import pytest

BELL = "\x1b]0;owned\x07"


@pytest.fixture
def dumped(ctl, folder):
    """The dump of a job, and what stands in it."""
    code, _, told = ctl("dump", "prices", "-p", "KUCOIN")
    assert code == 0, told
    path = folder / "data/raw/prices-KUCOIN.json"
    return path, json.loads(path.read_text())


def test_keys_of_a_foreign_dump_are_shown_escaped(ctl, dumped):
    path, found = dumped
    found["batch"][f"quotes{BELL}"] = {"\N{RIGHT-TO-LEFT OVERRIDE}x": 1}
    path.write_text(json.dumps(found))
    code, out, told = ctl("dump", "replay", str(path))
    assert code == 1
    assert out.replace("\n", "").replace("\t", "").isprintable()
    assert told.replace("\n", "").isprintable()
    assert '"quotes\\u001b]0;owned\\u0007"' in out


def test_names_of_dumps_are_shown_escaped(ctl, dumped):
    path, found = dumped
    path.with_name(f"a{BELL}\n.json").write_text(json.dumps(found))
    path.with_name(f"b{BELL}\n.json").write_text("none")
    code, out, told = ctl("dump", "list")
    assert code == 0
    assert out.replace("\n", "").replace("\t", "").isprintable()
    assert len(out.splitlines()) == 2
    assert told.replace("\n", "").isprintable()
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("content", ["root:x:0:0:root:/root:/bin/sh\n", "{}", '{"schema": 7}', ""])
def test_a_file_that_is_no_dump_is_left_where_it_is(ctl, tmp_path, content):
    path = tmp_path / "passwd"
    path.write_text(content)
    code, _, told = ctl("dump", "replay", str(path))
    assert code == 1
    assert "Next: marketctl dump list." in told
    assert "ove the file away" not in told
    assert len(told.splitlines()) == 1


def test_of_two_dumps_at_once_one_is_written_and_the_other_says_so(ctl, folder, monkeypatch):
    from marketctl.jobs import dump

    path = folder / "data/raw/prices-KUCOIN.json"
    read = dump.normalise

    def slow(adapter, job):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of the other one")
        return read(adapter, job)

    monkeypatch.setattr(dump, "normalise", slow)
    code, out, _ = ctl("dump", "prices", "-p", "KUCOIN", "--json")
    (result,) = json.loads(out)["results"]
    assert (code, result["status"], result["written"]) == (0, "ok", False)
    assert result["message"] == "it exists and is kept; --force overwrites it"
    assert path.read_text() == "of the other one"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"job": "foo"}, 'job: found "foo", expected wallet or prices or stats'),
        ({"job": None}, "job: found null, expected wallet or prices or stats"),
        ({"pairs": 5}, "pairs: found a number, expected a list of texts"),
        ({"pairs": "BTC/USDT"}, 'pairs: found "BTC/USDT", expected a list of texts'),
        ({"collected_at": f"x{BELL}"}, 'collected_at: found "x ]0;owned", expected a time'),
        ({"batch": []}, "batch: found a list, expected an object or null"),
        ({"requests": [1]}, "requests[0]: found a number, expected an object"),
        ({"status": "abc"}, 'requests[0].status: found "abc", expected a whole number or null'),
        ({"status": True}, "requests[0].status: found a boolean, expected a whole number or null"),
        ({"headers": [1]}, "requests[0].headers: found a list, expected an object of texts"),
        ({"query": {"a": 1}}, "requests[0].query: found an object, expected an object of texts"),
        ({"started_at": "x"}, 'requests[0].started_at: found "x", expected a time'),
        ({"duration_ms": "x"}, 'requests[0].duration_ms: found "x", expected a whole number'),
        ({"encoding": "gzip"}, 'requests[0].encoding: found "gzip", expected utf-8 or base64'),
        ({"encoding": "base64", "body": "{}"}, "requests[0].body: Only base64 data is allowed"),
        ({"body": None}, "requests[0].body: found null, expected a text"),
    ],
)
def test_what_a_dump_holds_of_another_type_is_named_and_the_others_are_listed(ctl, dumped, change, told):
    path, found = dumped
    if change.keys() <= found.keys():
        found |= change
    else:
        found["requests"][0] |= change
    other = path.with_name("other.json")
    other.write_text(json.dumps(found))
    code, out, err = ctl("dump", "replay", str(other))
    assert (code, out) == (1, "")
    assert err == f"marketctl: {other} is no dump of marketctl: {told}. Next: marketctl dump list.\n"
    code, out, err = ctl("dump", "list")
    assert (code, len(out.splitlines())) == (0, 1)
    assert err == f"marketctl: left out: {other} is no dump of marketctl: {told}\n"


def test_a_field_that_is_missing_from_a_dump_is_named(ctl, dumped):
    path, found = dumped
    del found["requests"][0]["path"]
    path.write_text(json.dumps(found))
    _, _, err = ctl("dump", "replay", str(path))
    assert f"{path} is no dump of marketctl: requests[0].path: found nothing, expected a text." in err


@pytest.mark.parametrize(
    ("body", "words"), [('{"code', "6 bytes without readable JSON"), ("<html>", "6 bytes, a web page")]
)
def test_a_replayed_answer_of_no_use_is_told_with_a_step_that_helps(ctl, dumped, body, words):
    path, found = dumped
    for one in found["requests"]:
        one["body"] = body
    path.write_text(json.dumps(found))
    code, _, err = ctl("dump", "replay", str(path))
    assert code == 1
    assert err.endswith(f": the recorded answer is HTTP 200, {words}. Next: report it with this dump.\n")


def test_a_pipe_among_the_dumps_holds_up_nobody(ctl, dumped):
    path, _ = dumped
    os.mkfifo(path.with_name("a.json"))
    code, out, err = ctl("dump", "list")
    assert (code, len(out.splitlines())) == (0, 1)
    assert err == f"marketctl: left out: cannot read {path.with_name('a.json')}: it is no regular file\n"


def test_a_pipe_that_is_named_is_replayed(ctl, dumped):
    path, _ = dumped
    pipe = path.with_name("a.fifo")
    os.mkfifo(pipe)
    writer = Thread(target=lambda: pipe.write_bytes(path.read_bytes()))
    writer.start()
    code, out, err = ctl("dump", "replay", str(pipe))
    writer.join()
    assert (code, err) == (0, "")
    assert out.endswith("\t0 differences\n")


def test_of_a_dump_that_failed_no_file_is_told(ctl, folder):
    text = (folder / "providers.toml").read_text()
    (folder / "providers.toml").write_text(re.sub(r'base_url = "[^"]*"', 'base_url = "http://127.0.0.1:1"', text))
    code, out, _ = ctl("dump", "prices", "-p", "KUCOIN")
    assert (code, out) == (1, "KUCOIN\tprices\tfailed\tnetwork\n")
    _, out, _ = ctl("dump", "prices", "-p", "KUCOIN", "--json")
    (result,) = json.loads(out)["results"]
    assert (result["status"], result["file"], result["written"]) == ("failed", None, False)
