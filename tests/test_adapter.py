"""The stable face for adapters of third parties: nothing that the shipped ones use is missing, and it is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from marketctl import adapter
from marketctl.providers.networks import common_network, own_networks

ROOT = Path(__file__).parent.parent
ROOMS = ROOT / "marketctl" / "providers"
SHIPPED = sorted(path for kind in ("bank", "cash", "cex") for path in (ROOMS / kind).glob("[a-z]*.py"))
OF_ROOMS = {"base.py", "credits.py", "markup.py"}  # what adapters share, no adapters themselves


@pytest.mark.parametrize(
    "path", [path for path in SHIPPED if path.name not in OF_ROOMS], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_name_that_a_shipped_adapter_uses_is_there(path):
    used = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "marketctl"
        for alias in node.names
    ]
    assert used
    names = [name for module, name in used if module != "marketctl.errors"]
    assert sorted(set(names) - set(adapter.__all__)) == []
    assert [name for module, name in used if module == "marketctl.errors" and not hasattr(adapter.errors, name)] == []


def test_what_is_promised_is_what_is_there():
    assert sorted(adapter.__all__) == sorted(set(adapter.__all__))
    public = {name for name in vars(adapter) if not name.startswith("_")}
    assert public == set(adapter.__all__)


def test_importing_it_loads_neither_requests_nor_redis():
    heavy = "{'requests', 'redis', 'urllib3', 'tenacity', 'click', 'cryptography', 'tomlkit'}"
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, marketctl.adapter; print(sorted({heavy} & set(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "[]\n"


def test_networks_of_a_third_party_stand_beside_ours_and_never_guess():
    find = own_networks({"tron": ("T20", " usdt-trc "), "ton": ()})
    assert find("t20") == "tron"
    assert find("USDT-TRC") == "tron"
    assert find("ERC20") == "ethereum", "the shared aliases of the other networks hold"
    assert find("TRC20") is None, "its own codes stand in place of the aliases"
    assert find("TON") is None
    assert find("nowhere", None, "", "T20") == "tron"
    assert find("nowhere") is None
    assert common_network("cornerdesk", "T20") is None


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"trom": ("T20",)}, "trom: no slug of networks.toml"),
        ({"tron": ("T20",), "bsc": ("t20",)}, "t20: a code stands for one network"),
    ],
)
def test_networks_of_a_third_party_that_cannot_be_are_refused(own, words):
    with pytest.raises(ValueError, match=f"^{words}$"):
        own_networks(own)
