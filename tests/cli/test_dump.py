"""A dump may come from anybody: what it says is shown, never obeyed."""

import json

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
