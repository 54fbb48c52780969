"""credentials.toml: never guessed, never shown. Long: each slip in a file of keys, and what is said of it."""

import os
import stat
import traceback
from pathlib import Path

import pytest

from marketctl.config.credentials import load_credentials, odd_character, store_credentials, variable
from marketctl.errors import ConfigError, StorageFailed

KEYS = """\
[BYBIT]
api_key = "bybit-key"
api_secret = "bybit-secret"

[UNLISTED]
uid = "unlisted-uid"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "credentials.toml"


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def test_file_values_of_a_provider(path: Path) -> None:
    write(path, KEYS)
    store = load_credentials(path, {})
    assert store.for_provider("BYBIT", ("api_key", "api_secret")) == {
        "api_key": "bybit-key",
        "api_secret": "bybit-secret",
    }
    assert store.for_provider("KUCOIN", ("api_key",)) == {}


def test_only_the_fields_asked_for_and_present(path: Path) -> None:
    write(path, KEYS)
    assert load_credentials(path, {}).for_provider("BYBIT", ("api_key", "passphrase")) == {"api_key": "bybit-key"}


def test_environment_wins_over_the_file(path: Path) -> None:
    write(path, KEYS)
    store = load_credentials(path, {"MARKETCTL_BYBIT_API_KEY": "from-env", "MARKETCTL_BYBIT_API_SECRET": ""})
    assert store.for_provider("BYBIT", ("api_key", "api_secret")) == {
        "api_key": "from-env",
        "api_secret": "bybit-secret",
    }


def test_environment_without_a_file(path: Path) -> None:
    store = load_credentials(path, {"MARKETCTL_MY_EX_1_API_KEY": "from-env"})
    assert store.for_provider("MY-EX_1", ("api_key",)) == {"api_key": "from-env"}


def test_variable_of_a_name_with_other_characters() -> None:
    assert variable("MY-EX_1", "api_key") == "MARKETCTL_MY_EX_1_API_KEY"


def test_missing_file_is_no_credentials(path: Path) -> None:
    store = load_credentials(path, {})
    assert (store.names(), store.all_values(), store.for_provider("BYBIT", ("api_key",))) == ({}, [], {})


def test_names_tell_where_from_and_no_values(path: Path) -> None:
    write(path, KEYS)
    store = load_credentials(path, {"MARKETCTL_BYBIT_API_KEY": "x", "MARKETCTL_KUCOIN_PASSPHRASE": "y"})
    known = {"BYBIT": ("api_key", "api_secret"), "KUCOIN": ("api_key", "passphrase"), "HTX": ("api_key",)}
    assert store.names(known) == {
        "BYBIT": {"api_key": "environment", "api_secret": "file"},
        "KUCOIN": {"passphrase": "environment"},
        "UNLISTED": {"uid": "file"},
    }
    assert store.names() == {
        "BYBIT": {"api_key": "environment", "api_secret": "file"},
        "UNLISTED": {"uid": "file"},
    }


def test_all_values_holds_what_is_stored_and_what_the_environment_brings(path: Path) -> None:
    write(path, KEYS)
    environ = {
        "MARKETCTL_BYBIT_API_KEY": "from-env",
        "MARKETCTL_CONFIG": "/c",
        "MARKETCTL_CREDENTIALS": "/k",
        "MARKETCTL_DATA_DIR": "/d",
        "MARKETCTL_REDIS_URL": "redis://",
        "HOME": "/home",
    }
    assert load_credentials(path, environ).all_values() == ["bybit-key", "bybit-secret", "from-env"]  # a uid is public


def test_repr_shows_no_value(path: Path) -> None:
    write(path, KEYS)
    store = load_credentials(path, {"MARKETCTL_BYBIT_API_KEY": "from-env"})
    assert repr(store) == f"Credentials(path={path!r})"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o622])
def test_file_open_to_others_is_refused(path: Path, mode: int) -> None:
    write(path, KEYS)
    path.chmod(mode)
    for use in (lambda: load_credentials(path, {}), lambda: store_credentials(path, {"HTX": {"api_key": "k"}})):
        with pytest.raises(ConfigError) as error:
            use()
        assert (error.value.message, error.value.hint) == (
            f"{path}: group or others can read it (mode {mode:04o})",
            f"chmod 600 {path}",
        )
    assert path.read_text() == KEYS


@pytest.mark.parametrize("mode", [0o444, 0o440])
def test_a_secret_that_looks_mounted_names_the_environment_too(path: Path, mode: int) -> None:
    write(path, KEYS)
    path.chmod(mode)
    with pytest.raises(ConfigError) as error:
        load_credentials(path, {})
    assert error.value.hint == (
        f"chmod 600 {path}; where that cannot be done, mount it with mode 0600, or give the keys as environment "
        "variables: MARKETCTL_BYBIT_API_KEY and so on"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[BYBIT]\napi_key = hush-hush"\n', "not valid TOML (at line 2, column 11)"),
        ('[BYBIT]\napi_key = "hush-hush\n', "not valid TOML (at line 2, column 21)"),
        ('[BYBIT]\napi_key = "hush-hush', "not valid TOML (at end of document)"),
        ('[BYBIT]\napi_key = "hush-hush"\napi_key = "hush"\n', "not valid TOML (at line 3, column 17)"),
        ('[BYBIT]\n"hush-hush"\n', "not valid TOML (at line 2, column 12)"),
        ("[BYBIT]\napi_key = " + "[" * 20000, "not valid TOML: too deeply nested"),
        ('api_key = "hush-hush"\n', "api_key: found a text, expected a table such as [BYBIT]"),
        ("[[BYBIT]]\n", "BYBIT: found a list, expected a table such as [BYBIT]"),
        ('[BYBIT]\napi_key = ""\n', "[BYBIT] api_key: found an empty text, expected a text"),
        ("[BYBIT]\napi_key = 1234567\n", "[BYBIT] api_key: found an integer, expected a text"),
        ("[BYBIT]\napi_key = 1.5\n", "[BYBIT] api_key: found a float, expected a text"),
        ("[BYBIT]\napi_key = true\n", "[BYBIT] api_key: found a boolean, expected a text"),
        ('[BYBIT]\napi_key = ["hush-hush"]\n', "[BYBIT] api_key: found a list, expected a text"),
        ("[BYBIT]\napi_key = 2026-01-02\n", "[BYBIT] api_key: found a date, expected a text"),
        ('[BYBIT.live]\napi_key = "hush-hush"\n', "[BYBIT] live: found a table, expected a text"),
        (
            '[BYBIT]\nAPI_KEY = "hush-hush"\n',
            '[BYBIT] found the key "API_KEY", expected small letters, digits and _',
        ),
        (
            '[bybit]\napi_key = "hush-hush"\n',
            'found the table name "bybit", expected capital letters, digits, - and _, at most 32',
        ),
    ],
)
def test_file_wrong_is_told_without_any_value_and_never_overwritten(path: Path, text: str, told: str) -> None:
    write(path, text)
    for use in (lambda: load_credentials(path, {}), lambda: store_credentials(path, {"HTX": {"api_key": "k"}})):
        with pytest.raises(ConfigError) as error:
            use()
        assert error.value.message == f"{path}: {told}"
        assert "hush" not in "".join(traceback.format_exception(error.value))
    assert path.read_text() == text


def test_file_not_utf8_is_told_without_its_bytes(path: Path) -> None:
    path.write_bytes(b'[BYBIT]\napi_key = "hush\xff"\n')
    path.chmod(0o600)
    with pytest.raises(ConfigError) as error:
        load_credentials(path, {})
    assert error.value.message == f"{path}: not UTF-8 (byte 24)"
    assert error.value.__cause__ is None


def test_store_makes_the_file(path: Path) -> None:
    store_credentials(path, {"BYBIT": {"api_key": 'a "b" \\ c', "api_secret": "s"}})
    assert path.read_text() == (
        "# marketctl's keys, written by `marketctl credentials set`: it keeps other values, but no comments.\n"
        "\n"
        '[BYBIT]\napi_key = "a \\"b\\" \\\\ c"\napi_secret = "s"\n'
    )
    assert load_credentials(path, {}).for_provider("BYBIT", ("api_key",)) == {"api_key": 'a "b" \\ c'}


def test_store_keeps_everything_else(path: Path) -> None:
    write(path, KEYS)
    store_credentials(path, {"BYBIT": {"api_secret": "new"}})
    store_credentials(path, {"KUCOIN": {"passphrase": "p"}})
    store = load_credentials(path, {})
    assert {name: store.for_provider(name, fields) for name, fields in store.names().items()} == {
        "BYBIT": {"api_key": "bybit-key", "api_secret": "new"},
        "UNLISTED": {"uid": "unlisted-uid"},
        "KUCOIN": {"passphrase": "p"},
    }


def test_store_keeps_a_key_of_several_lines(path: Path) -> None:
    pem = "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"
    store_credentials(path, {"RAPIRA": {"private_key": pem}})
    assert load_credentials(path, {}).for_provider("RAPIRA", ("private_key",)) == {"private_key": pem.strip()}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_store_is_0600_from_the_first_byte(path: Path, umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    make = os.fdopen

    def look(handle: int, mode: str) -> object:
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        return make(handle, mode)

    monkeypatch.setattr(os, "fdopen", look)
    before = os.umask(umask)
    try:
        store_credentials(path, {"BYBIT": {"api_key": "k"}})
    finally:
        os.umask(before)
    assert modes == [0o600 & ~umask]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_store_failing_keeps_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, KEYS)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed) as error:
        store_credentials(path, {"BYBIT": {"api_key": "new"}})
    assert error.value.message == f"{path}: cannot be written: No space left on device"
    assert path.read_text() == KEYS
    assert list(path.parent.glob(".credentials*")) == []


@pytest.mark.parametrize(
    ("provider", "values", "told"),
    [
        ("BYBIT", {"api_key": ""}, "[BYBIT] api_key: found an empty text, expected a text"),
        (
            "bybit",
            {"api_key": "k"},
            'found the table name "bybit", expected capital letters, digits, - and _, at most 32',
        ),
    ],
)
def test_store_refuses_what_it_could_not_read_back(
    path: Path, provider: str, values: dict[str, str], told: str
) -> None:
    write(path, KEYS)
    with pytest.raises(ConfigError) as error:
        store_credentials(path, {provider: values})
    assert error.value.message == f"{path}: {told}"
    assert path.read_text() == KEYS


@pytest.mark.parametrize(
    ("text", "environ", "told"),
    [
        (
            "[BYBIT]\napikey = 'x'\napi_secret = 'y'",
            {},
            ['{path}: [BYBIT] unknown key "apikey"; did you mean "api_key"?'],
        ),
        (
            "[BYBIT]\napi_secert = 'x'\nq = 'y'",
            {},
            [
                '{path}: [BYBIT] unknown key "api_secert"; did you mean "api_secret"?',
                '{path}: [BYBIT] unknown key "q"; expected one of api_key, api_secret',
            ],
        ),
        (
            "[BYBITT]\napi_key = 'x'\n[OKX]\napi_key = 'y'",
            {},
            ["{path}: unknown table [BYBITT]; did you mean [BYBIT]?"],
        ),
        ("[BYBIT2]\napi_key = 'x'", {}, []),  # another account, registered
        (
            "",
            {"MARKETCTL_BYBIT_APIKEY": "x", "MARKETCTL_BYBIT2_APIKEY": "y", "MARKETCTL_BYBIT_HOME": "z"},
            ["MARKETCTL_BYBIT_APIKEY is no variable of BYBIT; did you mean MARKETCTL_BYBIT_API_KEY?"],
        ),
    ],
)
def test_a_slip_in_a_name_is_told_with_what_was_meant(path: Path, text: str, environ: dict, told: list[str]) -> None:
    write(path, text)
    found = load_credentials(path, environ).slips("BYBIT", ("api_key", "api_secret"), ("BYBIT", "BYBIT2", "BYBIT_2"))
    assert found == [one.format(path=path) for one in told]


def test_blanks_around_a_value_of_the_file_are_no_part_of_it(path: Path) -> None:
    write(path, '[BYBIT]\napi_key = " k\\n"\napi_secret = "  "\n')
    assert load_credentials(path, {}).for_provider("BYBIT", ("api_key", "api_secret")) == {"api_key": "k"}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("api_key", "abc-_=+/ 9~", None),
        ("private_key", "-----BEGIN PRIVATE KEY-----\r\nMIIB\n-----END PRIVATE KEY-----\n", None),
        ("api_key", "aб\u0421", "character 2 is U+0431 (CYRILLIC SMALL LETTER BE), expected plain ASCII"),
        ("api_secret", "ab\u200b", "character 3 is U+200B (ZERO WIDTH SPACE), expected plain ASCII"),
        ("api_secret", "\u201cab\u201d", "character 1 is U+201C (LEFT DOUBLE QUOTATION MARK), expected plain ASCII"),
        ("app_id", "ab\xa0c", "character 3 is U+00A0 (NO-BREAK SPACE), expected plain ASCII"),
        ("app_id", "ab\x00c", "character 3 is U+0000, expected plain ASCII"),
        ("api_key", '"abc"', "it stands in quotes, expected the value alone"),
        ("api_secret", "'abc'", "it stands in quotes, expected the value alone"),
        ("api_key", '"', None),
        ("api_key", '"abc', None),
        ("passphrase", '"abc"', None),  # somebody's choice
        ("api_key", "ab\udcd1", "character 3 is the byte 0xD1, which is no UTF-8"),
        ("passphrase", "слово été 龙", None),
        ("passphrase", "слово\ufeff", "character 6 is U+FEFF (ZERO WIDTH NO-BREAK SPACE), expected plain ASCII"),
    ],
)
def test_a_character_that_no_key_has(key: str, value: str, told: str | None) -> None:
    assert odd_character(key, value) == told
