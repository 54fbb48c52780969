"""The map of network names: well-known codes of all exchanges meet, nothing is named twice, nothing is guessed."""

import json
import os
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from marketctl.providers.networks import common_network, network_names

ROOT = Path(__file__).parents[2]
RECORDED = Path(os.environ.get("MARKETCTL_RECORDED", "/nowhere"))
TABLE = tomllib.loads((ROOT / "marketctl" / "providers" / "networks.toml").read_text(encoding="utf-8"))
PROVIDERS = ("bybit", "mexc", "whitebit", "htx", "kucoin", "rapira")

# The network key each exchange sends; for HTX what its adapter asks by: protocol, base chain, or displayName.
# None: not known to be there, or no code that is safe to name.
MEET = {
    # slug: (bybit, mexc, whitebit, htx, kucoin, rapira)
    "ethereum": ("ETH", "ETH", "ERC20", "ERC20", "eth", "ETH"),
    "tron": ("TRX", "TRX", "TRC20", "TRC20", "trx", "TRX"),
    "bsc": ("BSC", "BSC", "BEP20", "bep20", "bsc", "BSC"),
    "solana": ("SOL", "SOL", "SOL", "SOLANA", "sol", None),
    "ton": ("TON", "TONCOIN", "TON", "TON", "ton", "TON"),
    "arbitrum-one": ("ARBI", "ARB", "ARBITRUM", "ARC20", "arbitrum", None),
    "optimism": ("OP", "OP", "OPTIMISM", "OPTERC20", "optimism", "OP"),
    "polygon": ("MATIC", "MATIC", "POLYGON", "PRC20", "matic", None),
    "avalanche-c": ("CAVAX", "AVAX_CCHAIN", "CCHAIN", "CCHAINERC20", "avaxc", None),
    "base": ("BASE", "BASE", "BASE", "BASEERC20", "base", None),
    "bitcoin": ("BTC", "BTC", "BTC", "BTC", "btc", "BTC"),
    "litecoin": ("LTC", "LTC", "LTC", "LTC", "ltc", None),
    "xrp": ("XRP", "XRP", "XRP", "XRP", "xrp", None),
    "dogecoin": ("DOGE", "DOGE", "DOGE", "DOGE", "doge", None),
    "bitcoin-cash": ("BCH", "BCH", "BCH", "BCH", "bchn", None),
    "ethereum-classic": ("ETC", "ETC", "ETC", "ETC", "etc", None),
    "cardano": ("ADA", "ADA", "ADA", "ADA", "ada", None),
    "polkadot": ("DOT", "DOT", "DOT", "DOT", "dot", None),
    "stellar": ("XLM", "XLM", "XLM", "XLM", "xlm", None),
    "cosmos": ("ATOM", "ATOM", "ATOM", "ATOM1", "atom", None),
    "near": ("NEAR", "NEAR", "NEAR", "NEP141", "near", None),
    "aptos": ("APTOS", "APTOS", "APT", "APTCOINSTORE", "aptos", None),
    "sui": ("SUI", "SUI", "SUI", "SUI", "sui", None),
    "algorand": ("ALGO", "ALGO", "ALGO", "ALGO", "algo", None),
    "celo": ("CELO", "CELO", "CELO", "CELOERC20", "celo", None),
    "kaia": ("KLAY", "KLAY", "KLAY", "KLAY", "klay", None),
    "hedera": ("HBAR", "HBAR", "HBAR", "HBAR", "hbar", None),
    "filecoin": ("FIL", "FIL", "FIL", "FIL", "fil", None),
    "tezos": ("XTZ", "XTZ", "XTZ", "XTZ", "xtz", None),
    "eos": ("EOS", "EOS", "EOS", "EOS", "eos", None),
    "zksync-era": ("ZKV2", "ZKSYNCERA", None, None, "zksync2", None),
    "bnb-beacon-chain": ("BNB", "BEP2", None, None, "bnb", None),
    "assethub-polkadot": (None, "DOTASSETHUB", None, None, "statemint", None),
    "terra-classic": ("LUNA", "LUNC", "LUNC", "LUNC", "lunc", None),
    "terra": ("LUNANEW", None, None, None, "terra", None),
    "wax": ("WAXP", "WAX", None, "WAX1", "waxp", None),
    "stacks": ("STX", "STACKS", None, None, "stx", None),
    "kava-evm": ("KAVAEVM", None, None, None, "kavaevm", None),
    "plasma": (None, "PLASMA", None, "PLASMA", None, None),
}


@pytest.mark.parametrize(
    ("provider", "code", "slug"),
    [
        (provider, code, slug)
        for slug, codes in MEET.items()
        for provider, code in zip(PROVIDERS, codes, strict=True)
        if code
    ],
)
def test_common_network_well_known_codes_meet(provider: str, code: str, slug: str) -> None:
    assert common_network(provider, code) == slug


@pytest.mark.parametrize(
    ("display", "slug"),
    [
        ("Ethereum(ERC20)", "ethereum"),
        ("Tron(TRC20)", "tron"),
        ("BNB Smart Chain(BEP20)", "bsc"),
        ("Bitcoin(BTC)", "bitcoin"),
        ("Toncoin(TON)", "ton"),
        ("APTOS(APT)", "aptos"),
        ("Avalanche C Chain(AVAX CCHAIN)", "avalanche-c"),
        ("Kaia (KAIA)", "kaia"),
        ("Polkadot AssetHub", "assethub-polkadot"),
    ],
)
def test_common_network_mexc_old_display_names(display: str, slug: str) -> None:
    assert common_network("mexc", display) == slug


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        ("mexc", "TON"),  # TomaInfo; Toncoin is TONCOIN there
        ("mexc", "LUNA"),  # told of both Terra chains
        ("mexc", "Polygon(MATIC-Bridged)"),  # another token on the chain: USDC is not USDC.e
        ("whitebit", "A"),
        ("whitebit", "AVAX"),  # X-Chain or C-Chain
        ("whitebit", "LUNA"),
        ("htx", "XRC20"),  # a protocol of more than one chain
        ("htx", "HECO20"),
        ("kucoin", "cfx"),  # beside cfxcore, and never explained
        ("kucoin", "aoa"),
        ("rapira", "AVAX"),
        ("whitebit", "ARC20"),  # Arbitrum on HTX alone
        ("bybit", "HRC20"),  # HECO or Harmony
        ("nowhere", "ZKSYNC"),  # Lite on BYBIT, Era elsewhere
    ],
)
def test_common_network_doubtful_code_is_none(provider: str, code: str) -> None:
    assert common_network(provider, code) is None


def test_common_network_one_code_means_another_chain_elsewhere() -> None:
    assert common_network("kucoin", "avax") == "avalanche-x"
    assert common_network("kucoin", "bnb") == "bnb-beacon-chain"
    assert common_network("rapira", "BNB") is None
    assert common_network("bybit", "ZKSYNC") == "zksync-lite"
    assert common_network("bybit", "LUNA") == "terra-classic"


def test_common_network_first_code_that_maps_wins() -> None:
    assert common_network("htx", "OMNI", "BTC") == "omni"
    assert common_network("htx", "XRC20", "PLASMA") == "plasma"
    assert common_network("htx", None, "", "OPTIMISM", "opteth") == "optimism"
    assert common_network("htx", "nothing", "unheard") is None


def test_common_network_letter_case_and_spaces_do_not_matter() -> None:
    assert common_network("BYBIT", "arbi") == "arbitrum-one"
    assert common_network("kucoin", "TRX") == "tron"
    assert common_network("mexc", " bnb smart chain(bep20) ") == "bsc"


def test_common_network_unknown_provider_has_the_aliases() -> None:
    assert common_network("myex", "TRC20") == "tron"
    assert common_network("myex", "ARC20") is None


@pytest.mark.parametrize("codes", [(), (None,), ("",), ("NOSUCHCHAIN",), (None, "", "NOSUCHCHAIN")])
def test_common_network_unknown_is_none(codes: tuple[str | None, ...]) -> None:
    assert common_network("bybit", *codes) is None


def test_network_names() -> None:
    names = network_names()
    assert names["tron"] == "Tron"
    assert names["arbitrum-one"] == "Arbitrum One"
    assert len(names) >= 60
    assert len(set(names.values())) == len(names)


@pytest.mark.parametrize("provider", [*PROVIDERS, "a third party's"])
def test_table_no_code_under_two_slugs(provider: str) -> None:
    codes = Counter(
        code.casefold() for network in TABLE.values() for code in network.get(provider, network.get("aliases", []))
    )
    assert [code for code, times in codes.items() if times > 1] == []


@pytest.mark.parametrize("slug", TABLE)
def test_table_entry_is_well_formed(slug: str) -> None:
    network = TABLE[slug]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert network.keys() <= {"name", "native", "aliases", *PROVIDERS}
    assert network["name"].strip() == network["name"] != ""
    assert re.fullmatch(r"[A-Z0-9]{2,6}", network.get("native", "ETH"))
    lists = [codes for key, codes in network.items() if key not in ("name", "native")]
    assert any(lists), "no code leads here"
    for codes in lists:
        assert isinstance(codes, list)
        assert all(isinstance(code, str) and code.strip() == code != "" for code in codes)


def test_recorded_kucoin_chains_are_mapped() -> None:
    path = RECORDED / "kucoin" / "currencies-1.json"
    if not path.exists():
        pytest.skip("MARKETCTL_RECORDED names no folder of recorded answers")
    coins = json.loads(path.read_text(encoding="utf-8"))
    chains = Counter(chain["chainId"] for coin in coins for chain in coin.get("chains") or [])
    unmapped = {code: n for code, n in chains.items() if common_network("kucoin", code) is None}
    share = 1 - sum(unmapped.values()) / chains.total()
    print(f"{share:.1%} of {chains.total()} chain entries have a common name; without: {' '.join(sorted(unmapped))}")
    assert share >= 0.9
    assert max(unmapped.values()) <= 2, "a chain that carries several coins has no common name"
