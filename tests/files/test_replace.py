"""Files of the user's that are edited in place."""

import os

import pytest

from marketctl.files.replace import replace_file


@pytest.mark.parametrize("step", ["open", "fchmod", "fsync", "replace"])
def test_signal_after_any_step_leaves_nothing_beside_the_file(tmp_path, monkeypatch, step):
    path = tmp_path / "desk" / "providers.toml"
    path.parent.mkdir()
    path.write_bytes(b"old")
    usual = getattr(os, step)

    def signalled(*given, **named):
        usual(*given, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, step, signalled)
        with pytest.raises(KeyboardInterrupt):
            replace_file(path, b"new")
    assert [one.name for one in path.parent.iterdir()] == ["providers.toml"]
    assert path.read_bytes() == (b"new" if step == "replace" else b"old")
