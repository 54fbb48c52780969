"""Files of the user's, mounted one by one or read-only: an edit is refused in a line, and nothing is lost."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REGISTRY = '[settings]\nredis_url = "none"\n[providers.KUCOIN]\npath = "marketctl.providers.cex.kucoin:KucoinAdapter"\n'
KEYS = '[KUCOIN]\napi_key = "old-key"\napi_secret = "old-secret"\n'

ALONE = 'mount --bind "{file}" "{file}"'
READ_ONLY = 'mount --bind "{folder}" "{folder}" && mount -o remount,bind,ro "{folder}"'


def _may_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="needs the right to mount")
@pytest.mark.parametrize(
    ("mount", "told"),
    [
        (ALONE, "Next: change it where it comes from, or mount its folder: it is mounted by itself"),
        (READ_ONLY, "Next: change it where it comes from: it is mounted read-only."),
    ],
)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("providers.toml", "providers disable KUCOIN"),
        ("providers.toml", "providers remove KUCOIN"),
        ("credentials.toml", "credentials set KUCOIN"),
    ],
)
def test_an_edit_of_a_mounted_file_is_refused_in_a_line(tmp_path: Path, mount: str, told: str, name: str, words: str):
    folder = tmp_path / "etc"
    folder.mkdir()
    for each, text in (("providers.toml", REGISTRY), ("credentials.toml", KEYS)):
        (folder / each).write_text(text)
        (folder / each).chmod(0o600)
    file = folder / name
    script = f'{mount.format(file=file, folder=folder)} && cd / && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-m", "marketctl"]
    command += ["--config", str(folder / "providers.toml"), *words.split()]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, input="new-key\nnew-secret\nnew-phrase\n"
    )
    assert done.returncode == 1, done.stderr
    assert f"{file}: cannot be written: " in done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "new-" not in done.stderr
    assert sorted(one.name for one in folder.iterdir()) == ["credentials.toml", "providers.toml"]
    assert (folder / "providers.toml").read_text() == REGISTRY
    assert (folder / "credentials.toml").read_text() == KEYS
