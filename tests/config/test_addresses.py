"""What the registry says of hosts: decided when it is read, in one line, without a piece of a password."""

import grp
import os
import pwd
from pathlib import Path

import pytest

from marketctl.config.addresses import check_redis_url, keys_in_clear
from marketctl.config.registry import read_registry
from marketctl.errors import ConfigError
from marketctl.providers.loader import load_registry

ENTRY = '[providers.{name}]\npath = "marketctl.providers.cex.kucoin:KucoinAdapter"\n'


def refused(path: Path, text: str | bytes) -> tuple[str, str | None]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read_registry(path, environ={})
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://127.0.0.1:6379/prod", "found no number behind the host"),
        ("redis://127.0.0.1:6379/1/2", "found no number behind the host"),
        ("redis://h/0?db=x", "the value of db cannot be read, expected the number of a database"),
        ("redis://h?socket_timeout=-1", "the value of socket_timeout cannot be read, expected seconds"),
        ("unix:///a.sock?decode_responses=true", "found an unknown option behind ?, expected one of db, username, "),
        ("redis://h?ssl_ca_certs=/f", "found an unknown option behind ?"),
        ("rediss://h:1?ssl_keyfile=/k", "found ssl_keyfile alone, expected ssl_certfile with it"),
        ("rediss://h:1?hush", "found an unknown option behind ?"),
        ("redis://:pa#ss@127.0.0.1:6379", "expected it percent-encoded"),
        ("redis://:pa/ss@127.0.0.1:6379", "expected it percent-encoded"),
        ("redis://:pa?ss@127.0.0.1:6379/0", "expected it percent-encoded"),
        ("redis://:pa[ss@127.0.0.1", "expected it percent-encoded"),
        ("redis://:pa@ss@127.0.0.1", "expected it percent-encoded"),
        ("redis://:secretpass", "no host behind the password"),
        ("redis://h:notaport/0", "host and port cannot be read"),
        ("redis://h:70000/0", "host and port cannot be read"),
        ("redis:///0", "no host"),
        ("unix://", "no socket"),
    ],
)
def test_redis_url_that_reaches_no_server_is_refused_without_a_piece_of_it(url, words):
    with pytest.raises(ConfigError) as caught:
        check_redis_url(url, "redis_url")
    told = f"{caught.value.message} {caught.value.hint}"
    assert words in told
    assert not any(piece in told for piece in ("pa#", "ss@", "secretpass", "prod"))


@pytest.mark.parametrize(
    "url",
    ["embedded", "none", "redis://h", "redis://h:6379", "redis://h/3", "rediss://u:p%23w@h:1/0?ssl_ca_certs=/f",
     "redis://[::1]:6379/0", "unix:///run/redis.sock", "unix://u:pw@/run/redis/redis.sock?db=1", "redis://:pw@h",
     "redis://h?socket_keepalive=true&health_check_interval=30&max_connections=4&client_name=desk&socket_timeout=2.5"],
)  # fmt: skip
def test_redis_url_that_may_reach_one_is_taken(url):
    check_redis_url(url, "redis_url")


@pytest.mark.parametrize(
    ("url", "clear"),
    [("https://far.example", False), ("http://127.0.0.1:1", False), ("http://127.8.0.1", False),
     ("http://[::1]:2", False), ("http://localhost:3", False), ("http://10.0.0.1", True),
     ("http://far.example", True)],
)  # fmt: skip
def test_keys_go_in_clear_to_this_machine_alone(url, clear):
    assert keys_in_clear(url) is clear


def test_keys_over_plain_http_are_refused_and_public_data_are_not(tmp_path):
    path = tmp_path / "providers.toml"
    text = ENTRY.format(name="KUCOIN") + 'base_url = "http://10.0.0.1:80"\n'
    message, _ = refused(path, text + "needs_api = true\n")
    assert message.endswith(
        " base_url: found http://10.0.0.1:80, and keys are not sent over plain http to another machine"
    )
    path.write_text(text)
    assert read_registry(path, environ={}).provider("KUCOIN").base_url == "http://10.0.0.1:80"


def test_names_that_share_variables_are_told(tmp_path):
    message, _ = refused(tmp_path / "p.toml", ENTRY.format(name="BYBIT-EU") + ENTRY.format(name="BYBIT_EU"))
    assert "BYBIT-EU and BYBIT_EU share the environment variables MARKETCTL_BYBIT_EU_*" in message


def test_socks_proxy_without_its_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message, hint = refused(tmp_path / "p.toml", ENTRY.format(name="KUCOIN") + 'proxy = "socks5://127.0.0.1:1"\n')
    assert ("the extra socks" in message, hint) == (True, "pip install PySocks (the extra socks)")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xef\xbb\xbf[settings]\n", "found a BOM (byte order mark)"),
        ("[settings]\n".encode("utf-16"), "found UTF-16"),
        ("# биржа и банк\n".encode("cp1251"), "it looks like CP1251"),
    ],
)
def test_encoding_is_named(tmp_path, data, words):
    message, hint = refused(tmp_path / "p.toml", data)
    assert words in f"{message} {hint}"


def test_data_dir_that_is_a_file_is_told_before_anybody_is_asked(tmp_path):
    (tmp_path / "data").write_text("")
    assert refused(tmp_path / "p.toml", "[settings]\n")[0].endswith("data is a file, expected a folder")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('data_dir = "there/below"', "there is a file, expected a folder"),
        ('dump_dir = "there"', "[settings] dump_dir: {} is a file, expected a folder"),
        ('data_dir = "a\\u0000b"', "[settings] data_dir: a b: no path has a NUL in it"),
        ('run_log = "a\\u0000b"', "[settings] run_log: a b: no path has a NUL in it"),
    ],
)
def test_a_place_that_can_never_be_is_told_before_anybody_is_asked(tmp_path, setting, words):
    (tmp_path / "there").write_text("")
    assert refused(tmp_path / "p.toml", f"[settings]\n{setting}\n")[0].endswith(words.format(tmp_path / "there"))


@pytest.mark.parametrize("proxy", ["http://me:hush@proxy:99999", "http://me:hu/sh@proxy:1", "http://:1", "http://[::1"])
def test_proxy_that_cannot_be_reached_is_told_before_anybody_is_asked(tmp_path, proxy):
    message, _ = refused(tmp_path / "p.toml", ENTRY.format(name="KUCOIN") + f'proxy = "{proxy}"\n')
    assert "[providers.KUCOIN] proxy: found" in message
    assert "hu" not in message


@pytest.mark.parametrize("proxy", ["http://proxy:3128", "http://me:h%2Fush@proxy:3128/", "https://[::1]:1", "http://p"])
def test_proxy_that_may_be_reached_is_taken(tmp_path, proxy):
    (tmp_path / "p.toml").write_text(ENTRY.format(name="KUCOIN") + f'proxy = "{proxy}"\n')
    assert read_registry(tmp_path / "p.toml", environ={}).provider("KUCOIN").proxy == proxy


# Whose it is ------------------------------------------------------------------------------------------------


def test_registry_or_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "p.toml"
    path.write_text("[settings]\n")
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 4242)
    if me != 0:
        with pytest.raises(ConfigError, match="belongs to another user"):
            load_registry(path, environ={})
    if me == 0:  # who is root may give files away
        load_registry(path, environ={})
        os.chown(path, 65534, 65534)
        with pytest.raises(ConfigError, match=r"p.toml: belongs to another user \(uid 65534\)"):
            load_registry(path, environ={})
        os.chown(path, 0, 0)
        os.chown(tmp_path, 65534, 65534)
        with pytest.raises(ConfigError, match="its folder belongs to another user"):
            load_registry(path, environ={})
        os.chown(tmp_path, 0, 0)


@pytest.fixture
def accounts(monkeypatch, tmp_path):
    """Users and groups of a machine: the owner is `anna`; her group has her name, and as members those named."""

    def machine(group="anna", members=(), others=(), primary=None):
        uid, gid = os.geteuid(), tmp_path.stat().st_gid
        anna = pwd.struct_passwd(("anna", "x", uid, gid if primary is None else primary, "", "/", "/bin/sh"))
        rest = [pwd.struct_passwd((name, "x", uid + 5, gid, "", "/", "/bin/sh")) for name in others]
        monkeypatch.setattr(pwd, "getpwuid", {uid: anna}.__getitem__)
        monkeypatch.setattr(pwd, "getpwall", lambda: [anna, *rest])
        monkeypatch.setattr(grp, "getgrgid", {gid: grp.struct_group((group, "x", gid, list(members)))}.__getitem__)

    return machine


@pytest.mark.parametrize(("mode", "who"), [(0o777, "everybody"), (0o775, "its group"), (0o1777, None), (0o755, None)])
def test_folder_that_others_can_write_is_refused(tmp_path, accounts, mode, who):
    accounts(members=["boris"])
    folder = tmp_path / "desk"
    folder.mkdir()
    folder.chmod(mode)
    path = folder / "p.toml"
    path.write_text("[settings]\n")
    path.chmod(0o644)
    if who is None:
        load_registry(path, environ={})
    else:
        with pytest.raises(ConfigError, match=f"{who} can write its folder"):
            load_registry(path, environ={})


def test_group_may_not_write_the_registry(tmp_path, accounts):
    accounts(members=["boris"])
    path = tmp_path / "p.toml"
    path.write_text("[settings]\n")
    path.chmod(0o664)
    with pytest.raises(ConfigError, match="its group can write it, and it names code to import") as caught:
        load_registry(path, environ={})
    assert caught.value.hint == f"chmod g-w {path}"


@pytest.mark.parametrize("members", [(), ("anna",)])
def test_group_of_the_owner_alone_is_the_owner(tmp_path, accounts, members):
    """Debian 13's own umask is 002, with a group for each user: a clone must work as it comes."""
    path = tmp_path / "desk" / "p.toml"
    path.parent.mkdir()
    path.write_text("[settings]\n")
    path.chmod(0o664)
    path.parent.chmod(0o775)
    accounts(members=members)
    load_registry(path, environ={})
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="everybody can write it"):
        load_registry(path, environ={})


@pytest.mark.parametrize(
    "other",
    [
        {"members": ("boris",)},
        {"members": ("anna", "boris")},
        {"others": ("boris",)},  # in no list of members: it is his first group
        {"group": "users"},
        {"primary": 4242},
    ],
)
def test_group_of_others_too_may_not_write(tmp_path, accounts, other):
    path = tmp_path / "p.toml"
    path.write_text("[settings]\n")
    path.chmod(0o664)
    accounts(**other)
    with pytest.raises(ConfigError, match="its group can write it"):
        load_registry(path, environ={})
