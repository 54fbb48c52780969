"""`[sentinel]` of providers.toml: when a quote is held back. The reason of every figure: docs/sentinel.md."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from marketctl.config.table import Table
from marketctl.errors import ConfigError
from marketctl.text import closest, printable

RULE = 'a provider, an upper-case pair or pattern ("BTC/USDT", "BTC/*", "*/USDT"), or both with a space between'


class Limits(NamedTuple):
    """What one quote is judged by; shares are of 1 (0.05 is 5 %), `cycles` are sightings."""

    enabled: bool = True
    max_deviation: Decimal = Decimal("0.05")
    mad: Decimal = Decimal(6)
    jump: Decimal = Decimal("0.5")
    rate_jump: Decimal = Decimal("0.2")
    cycles: int = 3


class Rule(NamedTuple):
    """Limits of their own for one provider (None: all), one pattern of pairs (None: all)."""

    provider: str | None
    pattern: str | None
    given: Mapping[str, object]

    def fits(self, provider: str, pair: str) -> bool:
        """Tell whether this rule is for a pair of a provider."""
        if self.provider not in (None, provider):
            return False
        if self.pattern in (None, "*", "*/*", pair):
            return True
        base, _, quote = pair.partition("/")
        return self.pattern in (f"{base}/*", f"*/{quote}")


class SentinelSettings(NamedTuple):
    """The limits of all, and rules for some: of several that fit the last one counts, key by key."""

    limits: Limits = Limits()
    rules: tuple[Rule, ...] = ()

    def of(self, provider: str, pair: str) -> Limits:
        """Return what a pair of a provider is judged by."""
        found = self.limits
        for rule in self.rules:
            if rule.fits(provider, pair):
                found = found._replace(**rule.given)  # type: ignore[arg-type]
        return found

    @property
    def enabled(self) -> bool:
        """Tell whether anything is judged at all."""
        return self.limits.enabled or any(rule.given.get("enabled") for rule in self.rules)

    @property
    def tightest(self) -> Decimal:
        """Return the smallest deviation that any quote could be held or marked for."""
        limits = [self.limits, *(self.limits._replace(**rule.given) for rule in self.rules)]  # type: ignore[arg-type]
        return min(min(one.max_deviation, one.jump, one.rate_jump) for one in limits)


def read_sentinel(table: Table, known: Iterable[str]) -> SentinelSettings:
    """Read `[sentinel]`; its `rules` are tables of the same keys for `known` providers. Raises ConfigError."""
    rules = table.table("rules")
    limits = Limits(**_given(table))  # type: ignore[arg-type]
    table.refuse_unknown()
    return SentinelSettings(limits, tuple(_rule(rules, name, known) for name in rules.values))


def _rule(rules: Table, name: str, known: Iterable[str]) -> Rule:
    table = rules.table(name)
    given = _given(table)
    table.refuse_unknown()
    words = name.split()
    providers = [word for word in words if "/" not in word and word != "*"]
    patterns = [word for word in words if word not in providers]
    if not words or len(providers) > 1 or len(patterns) > 1 or name != name.upper():
        raise ConfigError(f'{rules.where}: found "{printable(name, 60)}", expected {RULE}')
    if any(pattern != "*" and pattern.count("/") != 1 for pattern in patterns):
        raise ConfigError(f'{rules.where}: found "{printable(name, 60)}", expected {RULE}')
    for provider in providers:
        if provider not in known:
            close = closest(provider, known)
            advice = f"did you mean {close}?" if close else "expected one of [providers]"
            raise ConfigError(
                f'{rules.where}: "{printable(name, 60)}": no such provider {printable(provider)}; {advice}'
            )
    return Rule(next(iter(providers), None), next(iter(patterns), None), given)


def _given(table: Table) -> dict[str, object]:
    """Return the keys that are set."""
    found: dict[str, object] = {}
    for name in Limits._fields:
        there = name in table.values
        value: object
        match name:
            case "enabled":
                value = table.flag("enabled", True)
            case "cycles":
                value = table.count("cycles", 3, 1, 1000)
            case "mad":
                value = table.share("mad", Decimal(6), Decimal(1), Decimal(1000), "a factor")
            case "max_deviation":
                value = table.share(name, Decimal(0), Decimal("0.0001"), Decimal(1), "a share: 0.05 is 5 %")
            case _:
                value = table.share(name, Decimal(0), Decimal("0.0001"), Decimal(100), "a share: 0.5 is 50 %")
        if there:
            found[name] = value
    return found
