"""providers.toml: what it means, and one whole line for everything that is wrong with it."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w

from marketctl.config.registry import HistorySettings, Registry, default_stablecoin
from marketctl.config.sentinel import Limits
from marketctl.errors import ConfigError
from marketctl.providers.loader import load_adapter, load_registry

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "providers.toml"

ADAPTERS = """\
from marketctl.providers.base import Provider

class MyAdapter(Provider):
    kind = "BANK"
    options = {"branch": str, "depth": int, "fast": bool, "codes": list, "factor": float}

class NotAnAdapter:
    pass

def function():
    pass
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a new folder; modules in its `lib` can be imported."""
    (tmp_path / "lib").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "lib")
    return tmp_path


@pytest.fixture
def adapters(here: Path) -> None:
    module(here, "my_adapters", ADAPTERS)


def module(here: Path, name: str, text: str) -> None:
    (here / "lib" / f"{name}.py").write_text(text)
    sys.modules.pop(name, None)


def read(text: str, **options: str) -> Registry:
    Path("providers.toml").write_text(text)
    Path("providers.toml").chmod(0o644)
    environ = {key: options.pop(key) for key in list(options) if key.isupper()}
    return load_registry("providers.toml", environ=environ, **options)


def wrong(text: str, **options: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(text, **options)
    return error.value.message


# Settings ---------------------------------------------------------------------------------


def test_settings_defaults(here: Path) -> None:
    settings = read("").settings
    assert settings._asdict() == {
        "data_dir": here / "data",
        "dump_dir": here / "data/raw",
        "redis_url": "embedded",
        "redis_prefix": "marketctl",
        "prices_interval_s": 10,
        "wallet_interval_s": 3600,
        "stats_interval_s": 3600,
        "mirror_prices": True,
        "embedded_stay": True,
        "timeout_s": 10,
        "deadline_s": 60,
        "attempts": 4,
        "pairs_max_age_s": 300,
        "history": HistorySettings(enabled=True, max_len=100, max_age_s=86400, pairs=("*",), archive=True),
        "archive_days": 30,
        "archive_max_mb": 2048,
        "ping_url": None,
        "run_log": None,
        "run_log_max_mb": 10,
        "run_log_keep": 5,
    }


def test_history_is_longer_where_redis_is_not_the_embedded_one(here: Path) -> None:
    assert read('[settings]\nredis_url = "redis://host"').settings.history.max_len == 1000
    assert read("", MARKETCTL_REDIS_URL="redis://host").settings.history.max_len == 1000
    assert read("[settings]\nhistory = { max_len = 1000 }").settings.history.max_len == 1000


def test_settings_all_given(here: Path) -> None:
    settings = read(
        """
        [settings]
        data_dir = "../d"
        dump_dir = "/dumps"
        redis_url = "rediss://:pw@host:6380/1"
        redis_prefix = "desk"
        prices_interval_s = 2.5
        wallet_interval_s = 60
        stats_interval_s = 61
        mirror_prices = false
        embedded_stay = false
        timeout_s = 0.5
        deadline_s = 5
        attempts = 1
        pairs_max_age_s = 0
        history = { enabled = false, max_len = 5, max_age_s = 6, pairs = ["BTC/*", "ETH/USDT"] }
        archive_days = 7
        archive_max_mb = 100
        ping_url = "https://hc-ping.com/0123456789abcdef/desk"
        run_log = "logs/runs.jsonl"
        run_log_max_mb = 1
        run_log_keep = 2
        """
    ).settings
    assert settings._asdict() == {
        "data_dir": here.parent / "d",
        "dump_dir": Path("/dumps"),
        "redis_url": "rediss://:pw@host:6380/1",
        "redis_prefix": "desk",
        "prices_interval_s": 2.5,
        "wallet_interval_s": 60,
        "stats_interval_s": 61,
        "mirror_prices": False,
        "embedded_stay": False,
        "timeout_s": 0.5,
        "deadline_s": 5,
        "attempts": 1,
        "pairs_max_age_s": 0,
        "history": HistorySettings(enabled=False, max_len=5, max_age_s=6, pairs=("BTC/*", "ETH/USDT")),
        "archive_days": 7,
        "archive_max_mb": 100,
        "ping_url": "https://hc-ping.com/0123456789abcdef/desk",
        "run_log": here / "logs/runs.jsonl",
        "run_log_max_mb": 1,
        "run_log_keep": 2,
    }


def test_settings_paths_are_relative_to_the_file(here: Path) -> None:
    (here / "conf").mkdir()
    (here / "conf/p.toml").write_text('[settings]\ndata_dir = "d"\ndump_dir = "dumps"\n')
    registry = load_registry("conf/p.toml", environ={})
    assert (registry.path, registry.settings.data_dir, registry.settings.dump_dir) == (
        Path("conf/p.toml"),
        here / "conf/d",
        here / "conf/dumps",
    )


def test_settings_environment_beats_the_file_and_is_relative_to_the_working_directory(here: Path) -> None:
    (here / "conf").mkdir()
    (here / "conf/p.toml").write_text('[settings]\ndata_dir = "d"\nredis_url = "none"\n')
    environ = {"MARKETCTL_DATA_DIR": "e", "MARKETCTL_REDIS_URL": "unix:///r.sock"}
    settings = load_registry("conf/p.toml", environ=environ).settings
    assert (settings.data_dir, settings.dump_dir) == (here / "e", here / "e/raw")
    assert settings.redis_url == "unix:///r.sock"


def test_settings_options_beat_the_environment(here: Path) -> None:
    settings = read(
        "", data_dir="o", redis_url="redis://o", MARKETCTL_DATA_DIR="e", MARKETCTL_REDIS_URL="redis://e"
    ).settings
    assert (settings.data_dir, settings.redis_url) == (here / "o", "redis://o")


def test_settings_empty_environment_counts_as_unset(here: Path) -> None:
    settings = read("", MARKETCTL_DATA_DIR="", MARKETCTL_REDIS_URL="").settings
    assert (settings.data_dir, settings.redis_url) == (here / "data", "embedded")


def test_settings_environment_of_a_file_with_crlf(here: Path) -> None:
    settings = read("", MARKETCTL_DATA_DIR="e\r\n", MARKETCTL_REDIS_URL=" none\r").settings
    assert (settings.data_dir, settings.redis_url) == (here / "e", "none")


def test_settings_dump_dir_of_the_file_stays_when_the_data_moves(here: Path) -> None:
    settings = read('[settings]\ndump_dir = "dumps"\n', data_dir="o").settings
    assert (settings.data_dir, settings.dump_dir) == (here / "o", here / "dumps")


NOT_SHOWN = (
    "found another text (not shown: it is a secret), "
    "expected an http:// or https:// URL with a path, without user and query"
)
SECONDS = "expected seconds, more than 0 and at most 31536000"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('timeout_s = "10"', f'timeout_s: found "10" (string), {SECONDS}'),
        ("timeout_s = true", f"timeout_s: found true (boolean), {SECONDS}"),
        ("timeout_s = 0", f"timeout_s: found 0 (integer), {SECONDS}"),
        ("deadline_s = -1.5", f"deadline_s: found -1.5 (float), {SECONDS}"),
        ("deadline_s = nan", f"deadline_s: found nan (float), {SECONDS}"),
        ("prices_interval_s = inf", f"prices_interval_s: found inf (float), {SECONDS}"),
        ("wallet_interval_s = 1e300", f"wallet_interval_s: found 1e+300 (float), {SECONDS}"),
        ("stats_interval_s = 2026-01-02", f"stats_interval_s: found 2026-01-02 (date or time), {SECONDS}"),
        ("attempts = true", "attempts: found true (boolean), expected an integer from 1 to 100"),
        ("attempts = 0", "attempts: found 0 (integer), expected an integer from 1 to 100"),
        ("attempts = 2.0", "attempts: found 2.0 (float), expected an integer from 1 to 100"),
        (f"attempts = 1{'0' * 30}", "attempts: found more than 20 digits (integer), expected an integer from 1 to 100"),
        ("pairs_max_age_s = 301", "pairs_max_age_s: found 301 (integer), expected an integer from 0 to 300"),
        ("mirror_prices = 1", "mirror_prices: found 1 (integer), expected true or false"),
        ('data_dir = ""', 'data_dir: found "" (string), expected a folder'),
        ("dump_dir = []", "dump_dir: found an empty list, expected a folder"),
        (
            'redis_url = "localhost:6379"',
            'redis_url: found "localhost:6379" (string), '
            'expected "embedded", "none" or a redis://, rediss:// or unix:// URL',
        ),
        (
            'redis_url = "http://me:hush@host?password=hush"',
            'redis_url: found "http://***@host?password=***" (string), '
            'expected "embedded", "none" or a redis://, rediss:// or unix:// URL',
        ),
        (
            'redis_url = "me:hush@host"',
            'redis_url: found "***@host" (string), expected "embedded", "none" or a redis://, rediss:// or unix:// URL',
        ),
        ('ping_url = "hc-ping.com/hush"', f"ping_url: {NOT_SHOWN}"),
        ("run_log = true", "run_log: found true (boolean), expected a file"),
        ('run_log = ""', 'run_log: found "" (string), expected a file'),
        ("run_log_max_mb = 0", "run_log_max_mb: found 0 (integer), expected an integer from 1 to 10000"),
        ("run_log_keep = 1001", "run_log_keep: found 1001 (integer), expected an integer from 1 to 1000"),
        ("run_logs = 1", 'unknown key "run_logs"; did you mean "run_log"?'),
        (
            'redis_prefix = "a{b}"',
            'redis_prefix: found "a{b}" (string), expected letters, digits and _ . : -, at most 64',
        ),
        ('timout_s = "x"', 'unknown key "timout_s"; did you mean "timeout_s"?'),
        ('history = "all"', 'history: found "all" (string), expected a table'),
    ],
)
def test_settings_wrong(line: str, told: str) -> None:
    assert wrong(f"[settings]\n{line}\n") == f"providers.toml: [settings] {told}"


PATTERNS = 'upper-case "BASE/QUOTE", "BASE/*", "*/QUOTE" or "*"'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("max_len = 0", "max_len: found 0 (integer), expected an integer from 1 to 10000000"),
        ("max_age = 5", 'unknown key "max_age"; did you mean "max_age_s"?'),
        ('pairs = "*"', f'pairs: found "*" (string), expected a list of {PATTERNS}'),
        ("pairs = []", f"pairs: found an empty list, expected a list of {PATTERNS}"),
        ('pairs = ["BTC"]', f'pairs: found "BTC" (string), expected {PATTERNS}'),
    ],
)
def test_history_wrong(line: str, told: str) -> None:
    assert wrong(f"[settings.history]\n{line}\n") == f"providers.toml: [settings.history] {told}"


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (("*",), ["BTC/USDT", "BTC/EUR", "ETH/USDT"]),
        (("*/*",), ["BTC/USDT", "BTC/EUR", "ETH/USDT"]),
        (("BTC/*",), ["BTC/USDT", "BTC/EUR"]),
        (("*/USDT",), ["BTC/USDT", "ETH/USDT"]),
        (("BTC/EUR",), ["BTC/EUR"]),
    ],
)
def test_history_wants(patterns: tuple[str, ...], wanted: list[str]) -> None:
    history = HistorySettings(enabled=True, max_len=1, max_age_s=1, pairs=patterns)
    assert [pair for pair in ("BTC/USDT", "BTC/EUR", "ETH/USDT") if history.wants(pair)] == wanted


def test_environment_redis_url_wrong_hides_the_password() -> None:
    assert wrong("", MARKETCTL_REDIS_URL="postgres://me:hush@db") == (
        'MARKETCTL_REDIS_URL: found "postgres://***@db" (string), '
        'expected "embedded", "none" or a redis://, rediss:// or unix:// URL'
    )


# The file ---------------------------------------------------------------------------------


def test_file_missing() -> None:
    with pytest.raises(ConfigError) as error:
        load_registry("gone.toml", environ={})
    assert (error.value.message, error.value.hint) == (
        "gone.toml: cannot be read: No such file or directory",
        "marketctl --config gone.toml init",
    )


@pytest.mark.parametrize("mode", [0o646, 0o666])
def test_file_writable_by_others_is_refused(mode: int) -> None:
    read("")
    Path("providers.toml").chmod(mode)
    with pytest.raises(ConfigError) as error:
        load_registry("providers.toml", environ={})
    assert (error.value.message, error.value.hint) == (
        f"providers.toml: everybody can write it, and it names code to import (mode {mode:04o})",
        "chmod o-w providers.toml",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[settings]\ntimeout_s = \n", "not valid TOML: Invalid value (at line 2, column 13)"),
        ("[settings]\nx = " + "[" * 20000, "not valid TOML: too deeply nested"),
        ("[settings]\n[settings]\n", "not valid TOML: Cannot declare ('settings',) twice (at line 2, column 10)"),
        ("[settings]\nattempts=1\nattempts=2\n", "not valid TOML: Cannot overwrite a value (at line 3, column 11)"),
        ("[provider.BYBIT]\n", 'unknown key "provider"; did you mean "providers"?'),
        ("timeout_s = 1\n", 'unknown key "timeout_s"; expected one of settings, providers, sentinel, watch'),
        ("providers = 1\n", "providers: found 1 (integer), expected a table"),
        ("[[settings]]\n", "settings: found a list, expected a table"),
    ],
)
def test_file_wrong(text: str, told: str) -> None:
    assert wrong(text) == f"providers.toml: {told}"


# Providers --------------------------------------------------------------------------------

ENTRY = '[providers.MINE]\npath = "my_adapters:MyAdapter"\n'


def test_provider_takes_over_the_settings() -> None:
    registry = read("[settings]\ntimeout_s = 3\nattempts = 2\nprices_interval_s = 7\n" + ENTRY)
    entry = registry.providers["MINE"]
    assert entry.effective() == {
        "path": "my_adapters:MyAdapter",
        "enabled": True,
        "needs_api": False,
        "timeout_s": 3,
        "deadline_s": 60,
        "attempts": 2,
        "prices_interval_s": 7,
        "wallet_interval_s": 3600,
        "stats_interval_s": 3600,
        "pairs_max_age_s": 300,
    }
    assert [entry.interval_s(job) for job in ("wallet", "prices", "stats")] == [3600, 7, 3600]
    assert (entry.kind, entry.stablecoin, entry.base_url, entry.proxy, entry.pairs) == (None, None, None, None, ())


def test_provider_own_values_beat_the_settings(adapters: None) -> None:
    own = """
        enabled = false
        needs_api = true
        kind = "CASH"
        stablecoin = ""
        base_url = "http://127.0.0.1:8080"
        proxy = "http://me:hush@proxy:3128"
        timeout_s = 1
        deadline_s = 2
        attempts = 3
        prices_interval_s = 4
        wallet_interval_s = 5
        stats_interval_s = 6
        pairs_max_age_s = 7
        pairs = ["USD/RUB", "1000SATS/USDT"]
        branch = "x"
        depth = 8
        fast = true
        codes = [1]
        factor = 2
        """
    registry = read("[settings]\ntimeout_s = 30\n" + ENTRY + own)
    entry = registry.providers["MINE"]
    assert entry.effective() == {
        "path": "my_adapters:MyAdapter",
        "enabled": False,
        "needs_api": True,
        "kind": "CASH",
        "stablecoin": "",
        "base_url": "http://127.0.0.1:8080",
        "proxy": "http://***@proxy:3128",
        "timeout_s": 1,
        "deadline_s": 2,
        "attempts": 3,
        "prices_interval_s": 4,
        "wallet_interval_s": 5,
        "stats_interval_s": 6,
        "pairs_max_age_s": 7,
        "pairs": ["USD/RUB", "1000SATS/USDT"],
        "branch": "x",
        "depth": 8,
        "fast": True,
        "codes": [1],
        "factor": 2,
    }
    assert entry.proxy == "http://me:hush@proxy:3128"
    assert load_adapter(entry).__name__ == "MyAdapter"


def test_providers_keep_the_order_of_the_file() -> None:
    registry = read('[providers]\nZ.path = "a:B"\nA = { path = "a:B", enabled = false }\nM-1_X.path = "a:B"\n')
    assert list(registry.providers) == ["Z", "A", "M-1_X"]
    assert [entry.name for entry in registry.enabled()] == ["Z", "M-1_X"]


def test_provider_lookup_takes_any_case() -> None:
    assert read(ENTRY).provider("mine").name == "MINE"


def test_provider_lookup_unknown() -> None:
    registry = read(ENTRY.replace("MINE", "BYBIT"))
    with pytest.raises(ConfigError) as close:
        registry.provider("bybt")
    with pytest.raises(ConfigError) as far:
        registry.provider("XX\x1b[31m")
    assert (close.value.message, close.value.hint) == ('No such provider "bybt". Did you mean BYBIT?', None)
    assert (far.value.message, far.value.hint) == ('No such provider "XX [31m".', "marketctl providers list")


@pytest.mark.parametrize("name", ["mine", "../../x", "-A", "A" * 33, "A B", "Ä", "A/B", "A\\u0007"])
def test_provider_name_wrong(name: str) -> None:
    shown = name.replace("\\u0007", "")
    assert wrong(f'[providers."{name}"]\npath = "a:B"\n') == (
        f'providers.toml: [providers]: found the name "{shown}", expected capital letters, digits, - and _, at most 32'
    )


BASE_URL = "expected http:// or https://, host and port, nothing behind"
UPPER = 'expected upper-case "BASE/QUOTE"'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('enabled = "yes"', 'enabled: found "yes" (string), expected true or false'),
        ("needs_api = 1", "needs_api: found 1 (integer), expected true or false"),
        ("enabeld = true", 'unknown key "enabeld"; did you mean "enabled"?'),
        ('kind = "cex"', 'kind: found "cex" (string), expected an upper-case word such as "CEX" or "CASH"'),
        (
            "stablecoin = false",
            'stablecoin: found false (boolean), expected an upper-case code such as "USD", or ""',
        ),
        ('base_url = "https://h/api"', f'base_url: found "https://h/api" (string), {BASE_URL}'),
        ('base_url = "https://h/"', f'base_url: found "https://h/" (string), {BASE_URL}'),
        ('base_url = "https://h?a=b"', f'base_url: found "https://h?a=b" (string), {BASE_URL}'),
        ('base_url = "https://me:hush@h"', f'base_url: found "https://***@h" (string), {BASE_URL}'),
        ('base_url = "ftp://h"', f'base_url: found "ftp://h" (string), {BASE_URL}'),
        ('base_url = "https://h:99999"', f'base_url: found "https://h:99999" (string), {BASE_URL}'),
        ('base_url = "https://h:0"', f'base_url: found "https://h:0" (string), {BASE_URL}'),
        ('base_url = "h:80"', f'base_url: found "h:80" (string), {BASE_URL}'),
        (
            'proxy = "me:hush@proxy:3128"',
            'proxy: found "***@proxy:3128" (string), expected an http://, https:// or socks5:// URL with a host, '
            "# / ? @ of its password percent-encoded",
        ),
        ('ping_url = "hc-ping.com/hush"', f"ping_url: {NOT_SHOWN}"),
        ('ping_url = "ftp://hc-ping.com/hush"', f"ping_url: {NOT_SHOWN}"),
        ('ping_url = "https://hc-ping.com/"', f"ping_url: {NOT_SHOWN}"),
        ('ping_url = "https://hc-ping.com/hush?create=1"', f"ping_url: {NOT_SHOWN}"),
        ('ping_url = "https://hc-ping.com/hush#a"', f"ping_url: {NOT_SHOWN}"),
        ('ping_url = "https://me:hush@hc-ping.com/hush"', f"ping_url: {NOT_SHOWN}"),
        ('ping_url = "https://hc-ping.com/***"', f"ping_url: {NOT_SHOWN}"),
        ('ping_url = "https://hc-ping.com:70000/hush"', f"ping_url: {NOT_SHOWN}"),
        ('ping_url = ""', f"ping_url: {NOT_SHOWN}"),
        (
            "ping_url = 3",
            "ping_url: found 3 (integer), expected an http:// or https:// URL with a path, without user and query",
        ),
        ("timeout_s = false", f"timeout_s: found false (boolean), {SECONDS}"),
        ("attempts = -1", "attempts: found -1 (integer), expected an integer from 1 to 100"),
        ("pairs_max_age_s = 500", "pairs_max_age_s: found 500 (integer), expected an integer from 0 to 300"),
        ('pairs = "BTC/USDT"', 'pairs: found "BTC/USDT" (string), expected a list of upper-case "BASE/QUOTE"'),
        ('pairs = ["btc/usdt"]', f'pairs: found "btc/usdt" (string), {UPPER}'),
        ('pairs = ["BTCUSDT"]', f'pairs: found "BTCUSDT" (string), {UPPER}'),
        ('pairs = ["A/B/C"]', f'pairs: found "A/B/C" (string), {UPPER}'),
        ('pairs = ["/USD"]', f'pairs: found "/USD" (string), {UPPER}'),
        ('pairs = ["BTC /USD"]', f'pairs: found "BTC /USD" (string), {UPPER}'),
        ('pairs = ["*/USD"]', f'pairs: found "*/USD" (string), {UPPER}'),
        ("pairs = [1]", f"pairs: found 1 (integer), {UPPER}"),
        ('pairs = ["A/B", "A/B"]', 'pairs: found "A/B" twice, expected it once'),
    ],
)
def test_provider_wrong(adapters: None, line: str, told: str) -> None:
    assert wrong(f"{ENTRY}{line}\n") == f"providers.toml: [providers.MINE] {told}"


@pytest.mark.parametrize("url", ["http://localhost", "https://api.example.com:8443", "http://[::1]:80"])
def test_provider_base_url_right(url: str) -> None:
    assert read(f'{ENTRY}base_url = "{url}"\n').providers["MINE"].base_url == url


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", 'path: found nothing, expected "module.path:ClassName"'),
        ('paht = "a.b:C"', 'unknown key "paht"; did you mean "path"?'),
        ("path = 3", 'path: found 3 (integer), expected "module.path:ClassName"'),
        ('path = "a.b.C"', 'path: found "a.b.C" (string), expected "module.path:ClassName"'),
        ('path = "../a:B"', 'path: found "../a:B" (string), expected "module.path:ClassName"'),
    ],
)
def test_provider_path_of_another_form(line: str, told: str) -> None:
    assert wrong(f"[providers.MINE]\n{line}\n") == f"providers.toml: [providers.MINE] {told}"


def test_provider_is_no_table() -> None:
    assert (
        wrong("[providers]\nMINE = true\n")
        == "providers.toml: [providers] MINE: found true (boolean), expected a table"
    )


PING = "https://hc-ping.com/0123456789abcdef0123/desk"


def test_ping_url_is_shown_without_its_path_and_known_for_redaction() -> None:
    registry = read(f'[settings]\nping_url = "{PING}"\n{ENTRY}ping_url = "http://h:8000/ping/9f1c27a6-1d2e-4b53/"\n')
    entry = registry.providers["MINE"]
    assert (registry.settings.ping_url, entry.ping_url) == (PING, "http://h:8000/ping/9f1c27a6-1d2e-4b53/")
    assert entry.effective()["ping_url"] == "http://h:8000/***"
    assert "0123456789abcdef0123" not in repr(registry)
    assert "9f1c27a6" not in repr(registry)
    # Short parts may be common words.
    assert registry.secret_values() == [
        "hc-ping.com/0123456789abcdef0123/desk",
        "0123456789abcdef0123",
        "h:8000/ping/9f1c27a6-1d2e-4b53",
        "9f1c27a6-1d2e-4b53",
    ]


def test_passwords_of_urls_stay_out_of_repr_and_are_known_for_redaction() -> None:
    registry = read(
        '[settings]\nredis_url = "redis://:pa%21ss@h/0"\n' + ENTRY + 'proxy = "http://me:hush@proxy:3128"\n'
    )
    assert "pa%21ss" not in repr(registry)
    assert "hush" not in repr(registry)
    assert registry.secret_values() == ["pa%21ss", "pa!ss", "hush"]


@pytest.mark.parametrize("kind", ["PSP", "BANK", "CASH"])
def test_stablecoin_of_money_kinds(kind: str) -> None:
    assert default_stablecoin(kind) == "USD"


def test_stablecoin_of_exchanges() -> None:
    assert default_stablecoin("CEX") is None


# Adapters and their options ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("branch = 3", "branch: found 3 (integer), expected a text"),
        ("depth = true", "depth: found true (boolean), expected an integer"),
        ("fast = 1", "fast: found 1 (integer), expected true or false"),
        ('codes = "a"', 'codes: found "a" (string), expected a list'),
        ('factor = "2"', 'factor: found "2" (string), expected a number'),
        ("brunch = 3", 'unknown key "brunch"; did you mean "branch"?'),
        (
            "zzz = 3",
            'unknown key "zzz"; expected one of path, enabled, needs_api, kind, stablecoin, base_url, proxy, '
            "ping_url, timeout_s, deadline_s, attempts, prices_interval_s, wallet_interval_s, stats_interval_s, "
            "pairs_max_age_s, pairs, taker_fee, branch, depth, fast, codes, factor",
        ),
    ],
)
def test_option_wrong(adapters: None, line: str, told: str) -> None:
    assert wrong(f"{ENTRY}{line}\n") == f"providers.toml: [providers.MINE] {told}"


def test_option_of_an_adapter_that_does_not_import_is_told_when_it_is_used(here: Path) -> None:
    module(here, "my_adapters", "import no_such_library\n")
    entry = read(ENTRY + "branch = 3\n").providers["MINE"]
    with pytest.raises(ConfigError):
        load_adapter(entry)
    module(here, "my_adapters", ADAPTERS)
    with pytest.raises(ConfigError) as error:
        load_adapter(entry)
    assert error.value.message == "providers.toml: [providers.MINE] branch: found 3 (integer), expected a text"


def test_option_typo_is_told_even_if_the_adapter_does_not_import() -> None:
    assert wrong('[providers.MINE]\npath = "gone:Gone"\nneeds_apy = true\n') == (
        'providers.toml: [providers.MINE] unknown key "needs_apy"; did you mean "needs_api"?'
    )


def test_adapter_is_not_imported_without_need() -> None:
    assert read('[providers.MINE]\npath = "gone:Gone"\n').providers["MINE"].path == "gone:Gone"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("gone.deep:Gone", 'expected a module that can be imported: there is no "gone"'),
        ("my_adapters.deep:X", 'expected a module that can be imported: there is no "my_adapters.deep"'),
        (
            "my_adapters:MyAdaptor",
            "expected a class that exists: my_adapters has no MyAdaptor; did you mean MyAdapter?",
        ),
        ("my_adapters:Zzz", "expected a class that exists: my_adapters has no Zzz"),
        ("my_adapters:NotAnAdapter", "expected a subclass of marketctl.providers.base.Provider"),
        ("my_adapters:function", "expected a subclass of marketctl.providers.base.Provider"),
        ("os:system", "expected a subclass of marketctl.providers.base.Provider"),
    ],
)
def test_adapter_wrong(adapters: None, path: str, told: str) -> None:
    entry = read(f'[providers.MINE]\npath = "{path}"\n').providers["MINE"]
    with pytest.raises(ConfigError) as error:
        load_adapter(entry)
    assert error.value.message == f'providers.toml: [providers.MINE] path: found "{path}", {told}'


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        (
            "from marketctl.times import never",
            "ImportError: cannot import name 'never' from 'marketctl.times' ({root}/marketctl/times.py)",
        ),
        ("def (", "SyntaxError: invalid syntax (broken.py, line 1)"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_adapter_that_fails_to_import(here: Path, code: str, told: str) -> None:
    module(here, "broken", code)
    entry = read('[providers.MINE]\npath = "broken:X"\n').providers["MINE"]
    with pytest.raises(ConfigError) as error:
        load_adapter(entry)
    told = told.format(root=ROOT)
    assert error.value.message == (
        f'providers.toml: [providers.MINE] path: found "broken:X", which does not import: {told}'
    )


def test_adapter_in_the_working_directory_is_not_found(here: Path) -> None:
    (here / "beside.py").write_text(ADAPTERS)
    entry = read('[providers.MINE]\npath = "beside:MyAdapter"\n').providers["MINE"]
    with pytest.raises(ConfigError) as error:
        load_adapter(entry)
    assert error.value.message == (
        'providers.toml: [providers.MINE] path: found "beside:MyAdapter", '
        'expected a module that can be imported: there is no "beside"'
    )


# What ships -------------------------------------------------------------------------------


def test_shipped_registry_is_the_one_at_the_root() -> None:
    assert (ROOT / "providers.toml").read_bytes() == SHIPPED.read_bytes()


def test_shipped_registry_enables_all_eight(here: Path) -> None:
    registry = read(SHIPPED.read_text())
    assert {entry.name: (entry.path, entry.needs_api, entry.stablecoin) for entry in registry.enabled()} == {
        "BYBIT": ("marketctl.providers.cex.bybit:BybitAdapter", True, None),
        "MEXC": ("marketctl.providers.cex.mexc:MexcAdapter", True, None),
        "WHITEBIT": ("marketctl.providers.cex.whitebit:WhitebitAdapter", True, None),
        "HTX": ("marketctl.providers.cex.htx:HtxAdapter", True, None),
        "KUCOIN": ("marketctl.providers.cex.kucoin:KucoinAdapter", True, None),
        "RAPIRA": ("marketctl.providers.cex.rapira:RapiraAdapter", False, None),
        "TWELVEDATA": ("marketctl.providers.cash.twelvedata:TwelveDataCashAdapter", True, "USD"),
        "OPENEXCHANGERATES": (
            "marketctl.providers.cash.openexchangerates:OpenExchangeRatesCashAdapter",
            True,
            "USD",
        ),
    }
    assert registry.settings == read("").settings


def test_shipped_twelvedata_fits_the_free_plan() -> None:
    entry = read(SHIPPED.read_text()).providers["TWELVEDATA"]
    assert len(entry.pairs) <= 8
    assert len(entry.pairs) * 86400 / entry.prices_interval_s <= 800


def without_watch(text: str) -> tuple[str, str]:
    """Part the commented [watch] from the rest."""
    before, _, after = text.partition("# [watch]\n")
    block, _, after = after.partition("\n\n")
    return f"{before}\n\n{after}", "\n".join(line[2:] for line in block.splitlines())


def test_shipped_comments_of_watch_can_be_taken_as_they_are(here: Path) -> None:
    _, watched = without_watch(SHIPPED.read_text())
    watch = read(f"[watch]\n{watched}").watch
    assert (watch.assets, watch.fee, watch.failing_after_s, watch.repeat_after_s) == (
        ("USDT", "USDC", "BTC", "ETH"), 20, 600, 86400,
    )  # fmt: skip
    assert watch.gap_amount == 1000


def test_shipped_comments_tell_the_true_defaults(here: Path) -> None:
    shipped, _ = without_watch(SHIPPED.read_text())
    text, _, rest = shipped.partition("# [sentinel]\n")
    lines = text.splitlines()
    commented = [line[2:] for line in lines if line.startswith("# ") and " = " in line and "providers" not in line]
    shown = [line for line in commented if line.split(" = ")[0].isidentifier()]
    assert [line.split(" = ")[0] for line in shown] == [
        "dump_dir",
        "redis_prefix",
        "embedded_stay",
        "mirror_prices",
        "timeout_s",
        "deadline_s",
        "attempts",
        "pairs_max_age_s",
        "history",
        "archive_days",
        "archive_max_mb",
        "run_log_max_mb",
        "run_log_keep",
    ]
    assert read("[settings]\n" + "\n".join(shown)).settings == read("").settings
    limits = "\n".join(line[2:] for line in rest.partition("# [sentinel.rules")[0].splitlines())
    assert read("[sentinel]\n" + limits).sentinel == read("").sentinel
    assert set(tomllib.loads(limits)) == set(Limits._fields)


def test_effective_settings_can_be_read_back(here: Path) -> None:
    registry = read(SHIPPED.read_text())
    text = tomli_w.dumps({"providers": {name: entry.effective() for name, entry in registry.providers.items()}})
    assert read(text).providers == registry.providers


def test_loading_needs_no_heavy_modules(here: Path) -> None:
    code = (
        "import sys; from marketctl.providers.loader import load_registry;"
        "from marketctl.config.credentials import load_credentials;"
        f"load_registry({str(SHIPPED)!r}); load_credentials(__import__('pathlib').Path('none'));"
        "print(*sorted({'requests', 'redis', 'tomlkit', 'tomli_w', 'difflib', 'tenacity', 'importlib.metadata',"
        " 'marketctl.providers.base'} & set(sys.modules)))"
    )
    environ = {"PATH": os.defpath}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert (done.stdout, done.stderr) == ("\n", "")
