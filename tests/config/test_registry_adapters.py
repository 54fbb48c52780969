"""Adapters that the registry names: their own options, and those that cannot be imported."""

from pathlib import Path

import pytest

from marketctl.errors import ConfigError
from marketctl.providers.loader import load_adapter
from tests.config.reading import ADAPTERS, ENTRY, ROOT, module, read, wrong

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("branch = 3", "branch: found 3 (integer), expected a text"),
        ("depth = true", "depth: found true (boolean), expected an integer"),
        ("fast = 1", "fast: found 1 (integer), expected true or false"),
        ('codes = "a"', 'codes: found "a" (string), expected a list'),
        ('factor = "2"', 'factor: found "2" (string), expected a number'),
        ('side = "up"', 'side: found "up" (string), expected LEFT or RIGHT'),
        ('side = ["LEFT"]', "side: found a list, expected LEFT or RIGHT"),
        ("version = 1", "version: found 1 (integer), expected 2 or 3"),
        ("version = true", "version: found true (boolean), expected 2 or 3"),
        ("version = 2.0", "version: found 2.0 (float), expected 2 or 3"),
        ('version = "2"', 'version: found "2" (string), expected 2 or 3'),
        ("brunch = 3", 'unknown key "brunch"; did you mean "branch"?'),
        (
            "zzz = 3",
            'unknown key "zzz"; expected one of path, enabled, needs_api, kind, stablecoin, base_url, proxy, '
            "ping_url, timeout_s, deadline_s, attempts, prices_interval_s, wallet_interval_s, stats_interval_s, "
            "pairs_max_age_s, pairs, taker_fee, branch, depth, fast, codes, factor, side, version",
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


def test_what_an_adapter_says_of_its_options_names_file_and_table(here: Path) -> None:
    more = """
class One(MyAdapter):
    @classmethod
    def for_options(cls, options):
        from marketctl.errors import ConfigError

        raise ConfigError("branch: not set, expected one", hint="ask them")
"""
    module(here, "my_adapters", ADAPTERS + more)
    with pytest.raises(ConfigError) as error:
        load_adapter(read('[providers.MINE]\npath = "my_adapters:One"\n').providers["MINE"])
    assert error.value.message == "providers.toml: [providers.MINE] branch: not set, expected one"
    assert error.value.hint == "ask them"


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
