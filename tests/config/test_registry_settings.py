"""`[settings]` and `[history]` of providers.toml: what they mean, and one whole line for everything that is wrong."""

from pathlib import Path

import pytest

from marketctl.config.registry import HistorySettings
from marketctl.providers.loader import load_registry
from tests.config.reading import NOT_SHOWN, SECONDS, read, wrong

pytestmark = pytest.mark.usefixtures("here")


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
