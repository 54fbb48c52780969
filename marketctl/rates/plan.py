"""rates.toml, read strictly into a plan: a typo names file, line, column, what was found and what is expected."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from marketctl.config.paths import absolute, read_text
from marketctl.config.registry import Registry
from marketctl.config.table import parse_toml
from marketctl.errors import ConfigError
from marketctl.rates.amounts import AMOUNT_KEYS, check_bounds, read_amounts
from marketctl.rates.formula import Formula, Leg
from marketctl.rates.section import Section
from marketctl.text import closest, printable

RATES_NAME = "rates.toml"

TABLES = ("export", "max_age_s", "constants", "codes", "directions")

DIRECTION_KEYS = (
    "from", "to", "city", "rate", "at_least", "at_most", "max_age_s", "needs", "labels", "in_decimals", "out_decimals",
)  # fmt: skip

GOOD_BUILDS = 3

# Elements of an item that no label may be called.
ELEMENTS = frozenset(
    "from to in out amount frommin frommax tomin tomax fromfee tofee step delay floating city minamount maxamount "
    "minfee param item rates".split()
)

_code = re.compile(r"[A-Z0-9]{2,20}").fullmatch
_city = re.compile(r"[A-Z0-9]{2,10}").fullmatch
_label = re.compile(r"[a-z][a-z0-9]{0,30}").fullmatch
_asset = re.compile(r"[^\s/<>&\"']{1,32}").fullmatch  # it may stand in the export as the unit of a fee
_constant = re.compile(r"[a-z][a-z0-9_]{0,40}").fullmatch


@dataclass(frozen=True)
class Code:
    """A currency as the aggregators call it, and what it is: the desk's own word, never derived."""

    code: str
    asset: str
    network: str | None
    decimals: int
    contract: str | None


@dataclass(frozen=True)
class Need:
    """A network that must be open: `way` is `deposit` or `withdraw`."""

    provider: str
    asset: str
    network: str
    way: str

    def __str__(self) -> str:
        return f"{self.provider} {self.asset} {self.network} {self.way}"


@dataclass(frozen=True)
class Direction:
    """One direction of the export, `target` for `source`; rates are units of `target` for one of `source`.

    Limits and reserve are figures as they are written to the file; `floating` is minutes and percent.
    """

    source: Code
    target: Code
    city: str | None
    text: str
    formula: Formula
    at_least: Formula | None
    at_most: Formula | None
    amount: str
    limits: Mapping[str, str]
    fees: Mapping[str, tuple[tuple[str, bool], ...]]
    delay: int | None
    floating: tuple[int | None, str | None] | None
    labels: tuple[str, ...]
    needs: tuple[Need, ...]
    max_age_s: float | None
    in_decimals: int
    out_decimals: int

    @property
    def name(self) -> str:
        """How commands, metrics and logs call it."""
        return ":".join(word for word in (self.source.code, self.target.code, self.city) if word)

    @property
    def legs(self) -> tuple[Leg, ...]:
        """The quotes it needs, those of its bounds too."""
        formulas = (one for one in (self.formula, self.at_least, self.at_most) if one is not None)
        return tuple(dict.fromkeys(leg for one in formulas for leg in one.legs))


@dataclass(frozen=True)
class Export:
    """Where the files go; `legacy` adds minamount and maxamount to the XML of today."""

    xml: Path
    elder: Path | None
    json: Path
    metrics: Path | None
    legacy: bool
    good_builds: int

    @property
    def paths(self) -> list[Path]:
        """The files that hold rates."""
        return [path for path in (self.xml, self.elder, self.json) if path is not None]


@dataclass(frozen=True)
class Plan:
    """The whole file; `max_age_s` is how old a provider's quotes may be where that is not our usual limit."""

    path: Path
    export: Export
    max_age_s: Mapping[str, float]
    directions: tuple[Direction, ...]


def rates_path(registry_path: Path, named: str | None = None) -> Path:
    """Return where the directions are: beside the registry, or the file named."""
    return Path(named) if named else registry_path.parent / RATES_NAME


def read_plan(path: Path, registry: Registry) -> Plan:
    """Read the directions. Raises ConfigError for the first thing that is wrong; nothing is left out."""
    text = read_rates_text(path)
    data = parse_toml(text, path, parse_float=Decimal)
    top = Section(path, text, (), data)
    top.expect(*TABLES)
    export = _read_export(top.section("export"), path, registry.settings.data_dir)
    ages = top.section("max_age_s")
    max_age_s = {}
    for name in ages.values:
        if name not in registry.providers:
            raise ages.unknown(name, registry.providers, "provider")
        max_age_s[name] = ages.seconds(name) or 0.0
    constants: dict[str, Formula] = {}
    section = top.section("constants")
    for name in section.values:
        if not _constant(name) or name in ("min", "max", "bid", "ask", "mid"):
            raise section.error(name, f'found the name "{printable(name, 40)}", expected lower-case letters', key=True)
        constants[name] = section.needed(section.formula(name, constants, registry), name, "a number or a formula")
    table = top.section("codes")
    codes = {code: _read_code(table.section(code), code) for code in table.values}
    directions: list[Direction] = []
    for one in top.sections("directions"):
        for direction in _read_direction(one, codes, constants, registry):
            if direction.name in {known.name for known in directions}:
                raise one.error("to", f"the direction {direction.name} stands here twice")
            directions.append(direction)
    return Plan(path, export, max_age_s, tuple(directions))


def read_rates_text(path: Path) -> str:
    """Return the file's text, unless somebody else may write it: it says what a site offers. Raises ConfigError."""
    try:
        return read_text(path, forbidden=0o002, complaint="everybody can write it", chmod="o-w")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}", hint="marketctl rates --help, and copy the one it shows"
        ) from error


def _read_export(section: Section, path: Path, data_dir: Path) -> Export:
    def file(name: str, default: Path | None) -> Path | None:
        text = section.word(name, bool, "a file")
        return absolute(text, path.parent, f"{path}: export {name}") if text else default

    section.expect("xml", "xml_elder", "json", "metrics", "legacy", "good_builds")
    xml = file("xml", data_dir / "rates" / "rates.xml")
    json = file("json", data_dir / "rates" / "rates.json")
    assert xml is not None
    assert json is not None
    good = section.count("good_builds", 1, 1000)
    export = Export(
        xml=xml,
        elder=file("xml_elder", None),
        json=json,
        metrics=file("metrics", None),
        legacy=section.flag("legacy", True),
        good_builds=GOOD_BUILDS if good is None else good,
    )
    paths = [*export.paths, *([export.metrics] if export.metrics else [])]
    if len(set(paths)) < len(paths):
        raise section.error("xml", "two files of the export have one name", key=True)
    return export


def _read_code(section: Section, code: str) -> Code:
    from marketctl.providers.fiat import is_fiat
    from marketctl.providers.networks import network_names

    if not _code(code):
        found = f'found the code "{printable(code, 40)}"'
        raise section.error("asset", f"{found}, expected 2 to 20 capital letters and digits")
    section.expect("asset", "network", "decimals", "contract")
    asset = section.needed(section.word("asset", _asset, "a ticker such as USDT"), "asset", "a ticker such as USDT")
    network = section.word("network", bool, "a network")
    names = network_names()
    if network is not None and network not in names:
        close = closest(network.lower(), names)
        advice = f"did you mean {close}?" if close else "the names are those of `marketctl wallet show`"
        raise section.error("network", f'no such network "{printable(network, 40)}"; {advice}')
    if network is None and not is_fiat(asset):
        raise section.error("network", f"found nothing, expected the network on which {asset} moves, such as tron")
    decimals = section.count("decimals", 0, 18)
    contract = section.word("contract", bool, "a contract address")
    usual = 2 if is_fiat(asset) and network is None else 8
    return Code(code, asset.upper(), network, usual if decimals is None else decimals, contract)


def _read_direction(
    section: Section, codes: Mapping[str, Code], constants: Mapping[str, Formula], registry: Registry
) -> list[Direction]:
    """Read one table: a direction, or one for each of its cities."""
    section.expect(*DIRECTION_KEYS, *AMOUNT_KEYS)
    source, target = (_side(section, name, codes) for name in ("from", "to"))
    if source.code == target.code:
        raise section.error("to", f"{target.code} for {source.code}: expected another code")
    found = {name: section.formula(name, constants, registry) for name in ("rate", "at_least", "at_most")}
    if wrong := next((name for name, one in found.items() if one is not None and one.kind == "percent"), None):
        raise section.error(wrong, "a percentage of nothing, expected a rate", at=0)
    formula: Formula = section.needed(found["rate"], "rate", "a formula such as KUCOIN BTC/USDT bid - 1%")
    if not formula.legs and source.asset != target.asset:
        raise section.error("rate", "a rate without a live quote would be served whatever happens", at=0)
    check_bounds(section, found["at_least"], found["at_most"])
    in_decimals, out_decimals = (section.count(name, 0, 18) for name in ("in_decimals", "out_decimals"))
    needs = tuple(
        _read_need(section, word, index, registry)
        for index, word in enumerate(section.words("needs", bool, '"PROVIDER ASSET network deposit"'))
    )
    given = {
        "source": source,
        "target": target,
        "text": str(section.values["rate"]),
        "formula": formula,
        "at_least": found["at_least"],
        "at_most": found["at_most"],
        "labels": section.words("labels", _is_label, "a label such as manual"),
        "needs": needs,
        "max_age_s": section.seconds("max_age_s"),
        "in_decimals": source.decimals if in_decimals is None else in_decimals,
        "out_decimals": target.decimals if out_decimals is None else out_decimals,
        **read_amounts(section, source, target),
    }
    cities = section.words("city", _city, "a city's code such as MSK")
    return [Direction(city=city, **given) for city in cities or (None,)]


def _side(section: Section, name: str, codes: Mapping[str, Code]) -> Code:
    code = section.needed(section.word(name, bool, "a code of [codes]"), name, "a code of [codes]")
    if code not in codes:
        close = closest(code.upper(), codes)
        advice = f"did you mean {close}?" if close else f"add {printable(code, 20)} to [codes]"
        raise section.error(name, f'"{printable(code, 40)}" is not in [codes]; {advice}', at=0)
    return codes[code]


def _is_label(text: str) -> bool:
    return bool(_label(text)) and text not in ELEMENTS


def _read_need(section: Section, text: str, index: int, registry: Registry) -> Need:
    from marketctl.providers.networks import network_names

    words = text.split()
    names = network_names()

    def wrong(place: int, message: str) -> ConfigError:
        starts = [found.start() for found in re.finditer(r"\S+", text)]
        at = starts[place] if place < len(starts) else len(text)
        return section.error("needs", message, index=index, at=at)

    if len(words) != 4:
        message = f'found {len(words)} words, expected four such as "MEXC USDT tron deposit"'
        raise wrong(min(len(words), 4), message)
    provider, asset, network, way = words
    for place, (word, known, what) in enumerate(
        ((provider, list(registry.providers), "provider"), (asset, None, ""), (network, list(names), "network"),
         (way, ["deposit", "withdraw"], "way"))
    ):  # fmt: skip
        if known is not None and word not in known:
            close = closest(word.upper() if what == "provider" else word.lower(), known)
            advice = f"; did you mean {close}?" if close else ""
            raise wrong(place, f'no such {what} "{printable(word, 40)}"{advice}')
    return Need(provider, asset.upper(), network, way)
