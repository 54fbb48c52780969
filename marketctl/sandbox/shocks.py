"""Faults of the market itself: prices that are off, drift or move, a venue halted or with closed doors, old answers."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marketctl.sandbox.base import Reply
    from marketctl.sandbox.faults import Fault

KINDS = {
    "off": "prices times a factor: [PAIR:]FACTOR, such as BTC/USDT:0.12, or 100 for all",
    "drift": "prices that drift away: [PAIR:]PERCENT a minute",
    "move": "prices that move within a minute and stay there: [PAIR:]PERCENT",
    "halted": "pairs are halted: [PAIR], else all",
    "closed": "deposits and withdrawals are closed: [COIN], else all",
    "still": "the source stands still: its first answer again and again, with its old times",
}
PRICED = ("off", "drift", "move")
MOVE_S = 60

# The fields that say so, in the words of each provider; lists are emptied.
HALTED: Mapping[str, Mapping[Any, Any]] = {
    "status": {"Trading": "Closed", "1": "2"},
    "state": {"online": "suspend"},
    "enableTrading": {True: False},
    "isFrozen": {False: True},
    "exchangeable": {True: False},
}
CLOSED: Mapping[str, Mapping[Any, Any]] = {
    **{key: {"1": "0"} for key in ("chainDeposit", "chainWithdraw")},
    **{key: {True: False} for key in ("depositEnable", "withdrawEnable", "isDepositEnabled", "isWithdrawEnabled")},
    **{key: {True: False} for key in ("can_deposit", "can_withdraw")},
    **{key: {"allowed": "prohibited"} for key in ("depositStatus", "withdrawStatus")},
}
LISTS = ("deposits", "withdraws")
NAMES = ("symbol", "name", "coin", "currency", "tradingPairs")


def check(kind: str, argument: str | None) -> str | None:
    """Say what a fault of the market takes, None when the argument fits."""
    if kind not in PRICED:
        return None
    pair, _, amount = (argument or "").rpartition(":")
    try:
        number = Decimal(amount)
        good = number.is_finite() and (number > 0 if kind == "off" else number > -100)
    except ArithmeticError:
        good = False
    return None if good and (not pair or "/" in pair) else f"{kind} takes {KINDS[kind].rpartition(': ')[2]}"


def factor(faults: Sequence["Fault"], base: str, quote: str) -> Decimal:
    """Return what the price of a pair is multiplied by now."""
    found = Decimal(1)
    for fault in faults:
        if fault.kind not in PRICED:
            continue
        pair, _, amount = (fault.argument or "").rpartition(":")
        if pair and pair.upper() != f"{base}/{quote}":
            continue
        minutes = Decimal(str(round((time.monotonic() - fault.since) / 60, 6)))
        number = Decimal(amount)
        if fault.kind == "off":
            found *= number
        elif fault.kind == "drift":
            found *= max(1 + number / 100 * minutes, Decimal("0.01"))
        else:
            found *= 1 + number / 100 * min(minutes * 60 / MOVE_S, Decimal(1))
    return found


def spoil(fault: "Fault", reply: "Reply") -> "Reply":
    """Return an answer with pairs halted or doors closed."""
    content = reply.content()
    if content.lstrip()[:1] not in (b"{", b"["):
        return reply
    words, wanted = (HALTED, fault.argument) if fault.kind == "halted" else (CLOSED, fault.argument)
    target = "".join(char for char in wanted or "" if char.isalnum()).upper()
    told = json.loads(content, parse_float=_Exact)
    return replace(reply, body=_dumps(_spoilt(told, words, target, not target)).encode())


def _spoilt(value: Any, words: Mapping[str, Mapping[Any, Any]], target: str, here: bool) -> Any:
    if isinstance(value, list):
        return [_spoilt(one, words, target, here) for one in value]
    if not isinstance(value, dict):
        return value
    named = (str(value.get(name, "")) for name in NAMES)
    pair = f"{value.get('coinSymbol', '')}{value.get('baseSymbol', '')}"
    here = here or any(_same(name, target) for name in (*named, pair))
    made: dict[str, Any] = {}
    for key, one in value.items():
        inside = here or (isinstance(one, dict) and _same(key, target))
        if inside and key in LISTS and words is CLOSED:
            made[key] = []
        elif inside and key in words and not isinstance(one, dict | list) and one in words[key]:
            made[key] = words[key][one]
        else:
            made[key] = _spoilt(one, words, target, inside)
    return made


def _same(name: str, target: str) -> bool:
    return bool(target) and "".join(char for char in name if char.isalnum()).upper() == target


class _Exact(float):
    """A float that is written with the digits it was read with."""

    def __new__(cls, text: str) -> "_Exact":
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str

    def __repr__(self) -> str:
        return self.text


def _dumps(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_dumps(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dumps, value)) + "]"
    return value.text if isinstance(value, _Exact) else json.dumps(value, ensure_ascii=False)
