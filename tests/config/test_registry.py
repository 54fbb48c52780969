"""The tables of providers in providers.toml: what they mean, and one whole line for everything that is wrong."""

from pathlib import Path

import pytest

from marketctl.config.registry import default_stablecoin
from marketctl.errors import ConfigError
from marketctl.providers.loader import load_adapter, load_registry
from tests.config.reading import ENTRY, NOT_SHOWN, SECONDS, read, wrong

pytestmark = pytest.mark.usefixtures("here")

# The file ----------------------------------------------------------------------------------


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


# Providers ---------------------------------------------------------------------------------


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
        ('pairs = ["EUR/EUR"]', f'pairs: found "EUR/EUR" (string), {UPPER}'),
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
