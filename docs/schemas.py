"""JSON Schemas of what is written for others to read. Long: one table, a shape beside those it is made of.

Draft 2020-12, of files, `--json` documents, the run log and Redis values: docs/schema/, by `make docs`.

Shapes that are classes in the code are read from it, words of an enumeration as well; the rest is declared here, and
tests/test_schema.py holds real output against it. Readers are to allow more fields; we write none but these.
"""

import json
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

from marketctl import errors
from marketctl.check.health import CHECKS, VERDICTS, Check
from marketctl.jobs.result import Result
from marketctl.models import JOBS, Asset, Network, Platform, Quota
from marketctl.rates.market import Judged
from marketctl.redis.quotes import DECIMALS
from marketctl.views.status import STATES

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WORD: Schema = {"type": "string", "pattern": r"^[^\s]+$"}
INTEGER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
DECIMAL: Schema = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "description": "exact digits, no exponent"}
TIME: Schema = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"}
MS: Schema = {"type": "integer", "description": "milliseconds since 1970, UTC"}
RUN_ID: Schema = {"type": "string", "pattern": r"^[0-9]{8}T[0-9]{9}Z-[0-9a-f]{6}$"}
NUMERAL: Schema = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
JOB: Schema = {"enum": list(JOBS)}
ANYTHING: Schema = {}


def words(*known: str | None) -> Schema:
    """One of some words."""
    return {"enum": list(known)}


def unknown(schema: Schema) -> Schema:
    """The same, or null."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def many(schema: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": schema}


def by(schema: Schema) -> Schema:
    """An object with names of the data as keys."""
    return {"type": "object", "additionalProperties": schema}


def shape(fields: dict[str, Schema], *more: Schema) -> Schema:
    """An object: a field named `x?` may be left out. `more` are shapes whose fields it has as well."""
    every = {name.removesuffix("?"): schema for name, schema in fields.items()}
    needed = [name for name in fields if not name.endswith("?")]
    for one in more:
        every, needed = one["properties"] | every, [*one.get("required", ()), *needed]
    return {"type": "object", "properties": dict(sorted(every.items())), "required": sorted(set(needed))}


PLAIN = {str: TEXT, int: INTEGER, bool: FLAG, float: SECONDS}


def of_class(cls: type, without: Iterable[str] = (), **other: Schema) -> Schema:
    """The shape of a dataclass, every field there; `other` says more of a field than its annotation does."""
    fields = {}
    for name, hint in get_type_hints(cls).items():
        if name not in without:
            kinds = [
                kind for kind in (get_args(hint) if isinstance(hint, UnionType) else (hint,)) if kind is not NoneType
            ]
            schema = other.get(name) or PLAIN.get(kinds[0]) or many(TEXT)
            fields[name] = unknown(schema) if NoneType in get_args(hint) else schema
    return shape(fields)


def reasons() -> list[str]:
    """The machine words of failures, from the errors themselves."""
    found, waiting = set(), [errors.MarketctlError]
    while waiting:
        cls = waiting.pop()
        found.add(cls.reason)
        waiting += cls.__subclasses__()
    return sorted(found)


REASON = words(*reasons())
AMOUNTS = ("deposit_min", "withdraw_min", "withdraw_max", "withdraw_fee", "withdraw_fee_percent")

# Wallets, quotes, statistics ---------------------------------------------------------------

NETWORK = of_class(Network, **dict.fromkeys(AMOUNTS, DECIMAL))
ASSET = of_class(Asset, without=["code"], networks=by(NETWORK))
PRICES = dict.fromkeys(DECIMALS, unknown(DECIMAL))
STATUS = words("trading", "halted")
QUOTE = shape({**PRICES, "symbol": TEXT, "status": unknown(STATUS), "at": unknown(TIME), "derived": FLAG,
               "collected_at?": TIME})  # fmt: skip
LAST_GOOD = shape({**dict.fromkeys(("bid", "ask", "mid"), unknown(DECIMAL)), "at": unknown(TIME),
                   "collected_at": unknown(TIME)})  # fmt: skip
VERDICT = words("outlier", "disagree", "jump", "explained", "released")
ASIDE = shape({**PRICES, "verdict": VERDICT, "why": TEXT, "cause": unknown(WORD), "reference": unknown(DECIMAL),
               "deviation_percent": unknown(DECIMAL), "by": many(WORD), "run_id": RUN_ID, "cycles": unknown(COUNT),
               "symbol": TEXT, "status": unknown(STATUS), "since": TIME, "at": unknown(TIME), "collected_at": TIME,
               "last_good": unknown(LAST_GOOD)})  # fmt: skip
HEAD = shape({"schema": {"const": 1}, "provider": WORD, "job": JOB, "run_id": RUN_ID, "collected_at": TIME,
              "version": TEXT})  # fmt: skip
QUOTA = of_class(Quota, resets_at=TIME)
OPEN = shape(dict.fromkeys(("total", "deposit_open", "withdraw_open"), unknown(COUNT)))
PAIRS = shape(dict.fromkeys(("total", "trading", "halted"), unknown(COUNT)))
STATS = shape({"pairs": PAIRS, "assets": OPEN, "networks": OPEN, "turnover_24h": by(DECIMAL),
               "server_time": unknown(TIME), "clock_skew_ms": unknown(INTEGER), "latency_ms": unknown(INTEGER),
               "platform": of_class(Platform, status=words("ok", "maintenance", "unknown")),
               "quota": unknown(QUOTA)})  # fmt: skip
MARKS = many(shape({"at": TIME, "used": INTEGER, "resets_at": unknown(TIME)}))
WALLET = shape({"assets": by(ASSET), "known_since?": TIME, "journal_bytes?": COUNT, "journal_cut?": FLAG,
                "largest?": shape({"at": TIME, "count": COUNT})}, HEAD)  # fmt: skip
MIRROR = shape({"quotes": by(QUOTE), "complete": FLAG, "earlier_at": unknown(TIME), "held": by(ASIDE),
                "marked": by(ASIDE), "largest?": shape({"at": TIME, "count": SECONDS})}, HEAD)  # fmt: skip
STATISTICS = shape({"stats": STATS, "quota_marks": MARKS, "key_ends_at?": unknown(TIME)}, HEAD)
CHANGE = shape({"at": TIME, "run_id": RUN_ID, "provider": WORD, "asset": TEXT, "network": unknown(TEXT), "field": WORD,
                "before": ANYTHING, "after": ANYTHING})  # fmt: skip
EXCHANGE = shape({"method": words("GET", "POST"), "path": TEXT, "query": by(TEXT), "status": unknown(INTEGER),
                  "headers": by(TEXT), "started_at": TIME, "duration_ms": COUNT, "error": unknown(TEXT),
                  "encoding": words("utf-8", "base64"), "body": TEXT, "request_body?": TEXT})  # fmt: skip
BATCH = shape({"assets?": by(ASSET), "quotes?": by(QUOTE), "stats?": STATS, "skipped_by?": by(COUNT)})
DUMP = shape({"base_url": TEXT, "pairs": many(TEXT), "requests": many(EXCHANGE), "batch": unknown(BATCH),
              "error": unknown(shape({"reason": REASON, "message": TEXT}))}, HEAD)  # fmt: skip
LAST = shape({"last_attempt": unknown(TIME), "last_success": unknown(TIME), "failures": COUNT,
              "last_reason": unknown(REASON), "crossed?": many(TEXT)})  # fmt: skip
RATE = shape({**dict.fromkeys(("in", "out", "amount", "frommin", "frommax"), DECIMAL), "from": WORD, "to": WORD,
              "tomin?": DECIMAL, "tomax?": DECIMAL, "fromfee?": many(TEXT), "tofee?": many(TEXT), "delay?": COUNT,
              "floating?": shape({"minutes": unknown(COUNT), "percent": unknown(DECIMAL)}), "labels?": many(WORD),
              "city?": WORD})  # fmt: skip

# What a run reports -------------------------------------------------------------------------

UNTOLD = set(Result.__dataclass_fields__) - set(Result("", "").to_dict())  # a result's own notes
RESULT = of_class(Result, without=UNTOLD, job=JOB, status=words("ok", "skipped", "failed"),
                  reason=REASON, collected_at=TIME, stored=many(words("file", "redis")))  # fmt: skip
OF_WALLET = {**dict.fromkeys(("assets?", "networks?", "skipped?"), COUNT), "skipped_by?": by(COUNT),
             **dict.fromkeys(("created?", "updated?", "unchanged?", "removed?"), unknown(COUNT))}  # fmt: skip
OF_PRICES = {**dict.fromkeys(("quotes?", "published?", "marked?"), COUNT), "complete?": FLAG, "held?": unknown(COUNT),
             **dict.fromkeys(("added?", "changed?", "removed?"), unknown(COUNT)), "skipped?": COUNT,
             "skipped_by?": by(COUNT), "held_by?": unknown(by(COUNT)), "marked_by?": by(COUNT)}  # fmt: skip
OF_STATS = {**dict.fromkeys(("pairs?", "assets?", "networks?"), unknown(COUNT)), "quota?": unknown(QUOTA),
            "quota_runs_dry_at?": unknown(TIME), "skipped?": COUNT, "skipped_by?": by(COUNT)}  # fmt: skip
OF_DUMP: dict[str, Schema] = {"file?": unknown(TEXT), "written?": FLAG}
OF_ANY = {**OF_WALLET, **OF_PRICES, **OF_STATS}
DONE = shape(OF_ANY, RESULT)
CHECKED = shape({
    "provider": WORD, "status": words(*VERDICTS), "duration_ms": COUNT, "clock_skew_ms": unknown(INTEGER),
    "quotes": unknown(COUNT), "held": unknown(COUNT), "published_age_ms": unknown(INTEGER), "quota": unknown(QUOTA),
    "quota_runs_dry_at": unknown(TIME),
    "checks": many(of_class(Check, check=words(*CHECKS, "opinion"), status=words(*VERDICTS), reason=REASON)),
})  # fmt: skip

# What commands show -------------------------------------------------------------------------

OF_FILE = {"run_id": unknown(RUN_ID), "version": unknown(TEXT)}  # somebody may have written it
SOURCE = words("redis", "mirror")
LIVE = shape({"provider": WORD, "source": unknown(SOURCE), "state": words("ok", "never", "expired", "failed", "held"),
              "failing": FLAG, "collected_at": unknown(TIME), "last_ok_at": unknown(TIME), "last_error": unknown(TEXT),
              **dict.fromkeys(("quotes", "held", "marked"), COUNT)})  # fmt: skip
ROW = shape({**PRICES, "provider": WORD, "pair": TEXT, "symbol": unknown(TEXT), "status": unknown(STATUS),
             "at": unknown(TIME), "derived": unknown(FLAG), "collected_at": unknown(TIME), "age_ms": unknown(INTEGER),
             "source": unknown(SOURCE)})  # fmt: skip
SIDE = unknown(shape({"price": DECIMAL, "providers": many(WORD)}))
SPREAD = {"spread": unknown(DECIMAL), "spread_percent": unknown(DECIMAL)}
COMPARED = shape({**SPREAD, "twin": unknown(TEXT), "verdict": unknown(VERDICT), "why": unknown(TEXT), "stale": FLAG,
                  "left_out": words("rate", "twin", "stale", "halted", None), "best_bid": FLAG, "best_ask": FLAG},
                 ROW)  # fmt: skip
HELD = shape({"provider": WORD, "pair": TEXT, "held?": FLAG}, ASIDE)
MOMENT = shape({"at": TIME, **dict.fromkeys(("bid", "ask", "last", "mid"), unknown(DECIMAL))})
IDENTITY = words("proven", "unproven", "twin")
TELLS = {name: NETWORK["properties"][name] for name in
         ("deposit", "withdraw", *AMOUNTS, "confirmations", "memo_required", "contract", "note")}  # fmt: skip
SHOWN = {name: schema for name, schema in TELLS.items() if name != "withdraw_max"}
AT_VENUE = shape({**SHOWN, "provider": WORD, "code": TEXT, "network": unknown(WORD), "network_code": unknown(TEXT),
                  "age_ms": unknown(INTEGER), "stale": FLAG, "twin": unknown(TEXT)})  # fmt: skip
BEST = shape({"pair": TEXT, "bid": unknown(DECIMAL), "bid_at": many(WORD), "ask": unknown(DECIMAL),
              "ask_at": many(WORD), "mid": unknown(DECIMAL), "spread_percent": unknown(DECIMAL), "venues": COUNT,
              "left_out": by(WORD), "age_ms": unknown(INTEGER)})  # fmt: skip
ROUTE = shape({
    **{f"{end}{name}": schema for end in ("from", "to") for name, schema in {
        "": WORD, "_asset": TEXT, "_network": TEXT, "_contract": unknown(TEXT), "_note": unknown(TEXT),
        "_age_ms": unknown(INTEGER), "_collected_at": unknown(TIME), "_stale": FLAG}.items()},
    "network": WORD, "verdict": words("open", "twin"), "identity": IDENTITY, "why": TEXT, "stale": FLAG,
    **dict.fromkeys(("fee", "fee_percent", "minimum", "withdraw_min", "withdraw_max", "deposit_min"),
                    unknown(DECIMAL)),
    "minimum_set_by": unknown(WORD), "confirmations": unknown(INTEGER), "memo_required": unknown(FLAG),
    "commented": FLAG, "arrives?": unknown(DECIMAL), "cost_percent?": unknown(DECIMAL),
})  # fmt: skip
GAP = shape({"pair": TEXT, "buy_at": WORD, "ask": DECIMAL, "sell_at": WORD, "bid": DECIMAL, "gross_percent": DECIMAL,
             "net_percent": unknown(DECIMAL), "amount": DECIMAL, "network": unknown(WORD), "fee": unknown(DECIMAL),
             "identity": unknown(IDENTITY), "why": unknown(TEXT), "age_ms": unknown(INTEGER), "at": TIME})  # fmt: skip
STANDS = shape({"provider": WORD, "job": JOB, "state": words(*STATES), "age_ms": unknown(INTEGER),
                "failures": unknown(COUNT), "reason": unknown(REASON), "message": unknown(TEXT),
                "last_success": unknown(TIME), "count": unknown(COUNT), "held": unknown(COUNT),
                "problem": unknown(TEXT)})  # fmt: skip
DOOR = shape({"asset": TEXT, "network": WORD, "door": words("deposit", "withdraw"), "closed": ANYTHING,
              "open": many(WORD), "unknown": ANYTHING, "of": ANYTHING, "words": TEXT,
              "instead": many(shape({"network": WORD, "fee": unknown(DECIMAL)}))})  # fmt: skip
JUDGED = of_class(Judged, value=TEXT, at=TIME, collected_at=TIME)
DIRECTION = shape({
    "direction": TEXT, "from": WORD, "to": WORD, "city": unknown(WORD), "status": words("ok", "out"),
    "reason": unknown(WORD), "message": unknown(TEXT), "age_ms": unknown(INTEGER), "good_builds": COUNT, "since": TIME,
    **dict.fromkeys(("rate", "in", "out"), unknown(DECIMAL)), "amount": DECIMAL, "legs": many(JUDGED),
    "needs": many(JUDGED),
})  # fmt: skip
COUNTED = {**dict.fromkeys(("given", "taken", "left", "fee", "arrives"), DECIMAL), "unit_in": TEXT, "unit_out": TEXT}
STEP = shape({
    **COUNTED, "step": words("trade", "transfer"), "from": WORD, "to": WORD, "age_ms": unknown(INTEGER),
    "fee_percent": unknown(DECIMAL), "pair?": TEXT, "side?": words("bid", "ask"), "rate?": DECIMAL,
    "size?": unknown(DECIMAL), "at?": unknown(TIME), "asset?": TEXT, "network?": WORD, "from_network?": TEXT,
    "to_network?": TEXT, "fee_fixed?": unknown(DECIMAL), "withdraw_min?": unknown(DECIMAL),
    "withdraw_max?": unknown(DECIMAL), "deposit_min?": unknown(DECIMAL), "precision?": unknown(INTEGER),
    "confirmations?": unknown(INTEGER), "memo_required?": unknown(FLAG), "identity?": IDENTITY, "why?": TEXT,
    "notes?": many(TEXT),
})  # fmt: skip
WAY = shape({"from": WORD, "from_asset": TEXT, "to": WORD, "to_asset": TEXT, "arrives": DECIMAL, "rate": DECIMAL,
             "whole": FLAG, "steps": many(STEP), "assumptions": many(TEXT)})  # fmt: skip
DESCRIBED = shape({"provider": WORD, "enabled": FLAG, "needs_api": FLAG, "path": TEXT, "stablecoin": unknown(TEXT),
                   "kind": unknown(WORD), "credentials": words("none", "missing", "present", "unknown"),
                   "missing?": many(WORD), "jobs": many(JOB), "key_jobs?": many(JOB), "endpoints": many(TEXT),
                   "error": unknown(TEXT)})  # fmt: skip
SERVER = shape({"running": FLAG, "socket": TEXT, "program": unknown(TEXT), "server": unknown(WORD),
                "version": unknown(TEXT), **dict.fromkeys(("pid", "uptime_s", "memory_bytes", "providers",
                "saved_bytes", "unsaved_changes"), unknown(COUNT)), "saved_at": unknown(TIME),
                "save_failed": unknown(FLAG), "stays": FLAG})  # fmt: skip
EVENT = shape(
    {
        "id?": COUNT,
        "at?": TIME,
        "keys": many(TEXT),
        "kind": WORD,
        "status": WORD,
        "type": WORD,
        "title": TEXT,
        "text": TEXT,
    }
)
MUTE = shape({"what": TEXT, "until": unknown(TIME)})
CHANNEL = {"channel": WORD, "to": unknown(TEXT), "error": unknown(TEXT)}

BUILD = {
    "files": many(shape({"path": TEXT, "changed": FLAG})),
    "counts": shape(
        {"directions": COUNT, "in": COUNT, "out": COUNT, "out_by": by(COUNT), "came": many(TEXT), "went": many(TEXT)}
    ),
}

RATES_LINE = shape({
    "at": TIME, "run_id": RUN_ID, "command": words("rates build"), "provider": {"type": "null"}, "job": words("rates"),
    "status": words("ok", "failed"), "reason": unknown(TEXT), "message": unknown(TEXT), "duration_ms": COUNT,
}, BUILD["counts"])  # fmt: skip

# command → its results, and what else stands in the document
COMMANDS: dict[str, tuple[Schema, dict[str, Schema]]] = {
    "run": (DONE, {}),
    "wallet sync": (DONE, {}),
    "prices collect": (shape(OF_PRICES, RESULT), {}),
    "stats collect": (shape(OF_STATS, RESULT), {}),
    **{f"dump {what}": (shape(OF_DUMP, RESULT), {}) for what in (*JOBS, "all")},
    "dump list": (shape({"provider": WORD, "job": JOB, "collected_at": TIME, "requests": COUNT,
                         "batch": words("read", "not read"), "file": TEXT}), {}),
    "dump replay": (shape({"provider": WORD, "job": JOB, "batch": BATCH, "differences": many(ANYTHING)}), {}),
    "check": (CHECKED, {}),
    "wallet show": (shape({"at?": TIME, **OF_FILE}, WALLET), {}),
    "wallet changes": (shape({"what": TEXT}, CHANGE), {"since": TIME, "known_since": by(unknown(TIME))}),
    "wallet routes": (ROUTE, {"asset": TEXT, "missing": many(TEXT), "left_out": many(shape(
        {"from": WORD, "to": WORD, "network": WORD, "reason": WORD})), "unmapped": many(shape(
            {"provider": WORD, "asset": TEXT, "network": TEXT}))}),
    "wallet unmapped": (shape({"provider": WORD, "code": TEXT, "name": unknown(TEXT), "assets": many(TEXT)}), {}),
    "prices show": (ROW, {"providers": many(LIVE), "stale": many(shape(
        {"provider": WORD, "pair": TEXT, "age_ms": unknown(INTEGER)}))}),
    "prices compare": (COMPARED, {"pair": TEXT, "held": many(HELD), "providers": many(LIVE),
                                  "best": shape({"bid": SIDE, "ask": SIDE, **SPREAD})}),
    "prices history": (MOMENT, {"provider": WORD, "pair": TEXT, "since": TIME, "begins_at": unknown(TIME),
                               "broken": COUNT, "missing": many(TEXT)}),
    "prices at": (shape({"provider": WORD, "pair": TEXT, "held": unknown(VERDICT), "age_ms": unknown(INTEGER),
                         "told_at": TIME, "collected_at": TIME, **{name: schema for name, schema in
                         MOMENT["properties"].items() if name != "at"}}), {"at": TIME, "unknown": many(WORD),
                                                                                       "broken": many(WORD)}),
    "prices held": (HELD, {}),
    "prices release": (HELD, {}),
    "prices gaps": (GAP, {"amount": DECIMAL}),
    "stats show": (shape({"quota_per_day": unknown(SECONDS), "quota_runs_dry_at": unknown(TIME)} | OF_FILE, STATISTICS),
                   {}),
    "status": (STANDS, {"closed": many(DOOR), "unknown": many(TEXT), "totals": by(COUNT), "healthy": FLAG}),
    "asset": (shape({"asset": TEXT, "name": unknown(TEXT), "networks": many(AT_VENUE), "prices": many(BEST)}), {}),
    "rates build": (DIRECTION, BUILD),
    "rates show": (DIRECTION, {"run_id": unknown(RUN_ID), "built_at": unknown(TIME), "files": many(TEXT),
                               "problems": many(TEXT)}),
    "rates explain": (shape({"formula": TEXT, "in_decimals": ANYTHING, "out_decimals": ANYTHING}, DIRECTION), {}),
    "rates check": (ANYTHING, {"problems": many(TEXT), "directions": COUNT, "out": many(TEXT), "emptied": many(TEXT)}),
    "convert": (WAY, {"amount": DECIMAL, "source": TEXT, "target": TEXT, "complete": FLAG, "cause": unknown(TEXT),
                      "left_out": by(many(TEXT)), "problems": many(TEXT)}),
    "providers list": (DESCRIBED, {}),
    "providers show": (shape({"settings": by(ANYTHING)}, DESCRIBED), {}),
    "credentials list": (shape({"provider": WORD, "name": WORD,
                                "source": words("file", "environment", "missing")}), {}),
    "redis status": (SERVER, {}),
    "notify test": (shape({**CHANNEL, "status": words("ok", "failed")}), {}),
    "notify run": (EVENT, {"muted": many(EVENT), "failed": ANYTHING, "quiet": ANYTHING}),
    "notify status": (shape({**CHANNEL, "waiting": COUNT, "last_ok": ANYTHING, "failures": COUNT,
                             "next_try": unknown(TIME)}), {
        "muted": by(unknown(TIME)), "active": many(shape({"key": TEXT, "since": TIME})), "looked_at": unknown(TIME)}),
    "notify log": (shape({"at": TIME, "kind": WORD, "status": WORD, "keys": many(TEXT), "text": TEXT,
                          "channels?": many(WORD), "muted?": FLAG}), {"since": TIME, "begins_at": unknown(TIME)}),
    "notify mute": (MUTE, {}),
}  # fmt: skip

# Redis: unknown left out, times in ms.
KNOWN = {f"{name}?": DECIMAL for name in DECIMALS}
L1 = shape({**KNOWN, "symbol": TEXT, "status?": STATUS, "at?": MS, "derived?": {"const": True}, "collected_ms?": MS})
GOOD = shape({**{f"{name}?": DECIMAL for name in ("bid", "ask", "mid")}, "at?": MS, "collected_ms?": MS})
REDIS_HELD = shape({**KNOWN, "verdict": VERDICT, "why": TEXT, "cause?": WORD, "reference?": DECIMAL,
                    "deviation_percent?": DECIMAL, "by": many(WORD), "since": MS, "run_id": RUN_ID, "collected_ms": MS,
                    "symbol": TEXT, "status?": STATUS, "at?": MS, "cycles?": COUNT, "last_good?": GOOD})  # fmt: skip
FIGURES = ("seq", "count", "added", "removed", "changed", "held")
NUMBERS = (*FIGURES, "schema", "skipped", "complete", "interval_s", "collected_ms", "last_ok_ms", "earlier_ms", "peak",
           "peak_ms")  # fmt: skip
META = shape({**{f"{name}?": NUMERAL for name in NUMBERS}, "run_id?": RUN_ID, "status": words("ok", "failing"),
              "last_error?": TEXT, "asked?": WORD})  # fmt: skip

# name below docs/schema/ → (what it is, its shape)
SCHEMAS: dict[str, tuple[str, Schema]] = {
    "files/wallet": ("data/wallet/BYBIT.json", WALLET),
    "files/changes-line": ("a line of data/wallet/BYBIT.changes.jsonl", CHANGE),
    "files/prices": ("data/prices/BYBIT.json, the mirror of what went to Redis", MIRROR),
    "files/stats": ("data/stats/BYBIT.json", STATISTICS),
    "files/stats-history-line": ("a line of data/stats/BYBIT.history.jsonl", shape(
        {"at": TIME, "run_id": RUN_ID, "provider": WORD, "assets": OPEN, "networks": OPEN, "pairs": PAIRS})),
    "files/history-line": ("a line of data/history/2026-11-26/BYBIT.jsonl.gz: a publish, or a pair in it", shape(
        {"at": TIME, "run_id?": RUN_ID, "whole?": FLAG, "part?": {"const": True}, "pair?": TEXT, "pairs?": many(TEXT),
         "gone?": {"const": True}, "held?": VERDICT,
         **{f"{name}?": DECIMAL for name in ("bid", "ask", "last", "mid")}})),
    "files/state": ("data/state/BYBIT.json", shape(
        {"schema": {"const": 1}, "provider": WORD, "jobs": shape({f"{job}?": unknown(LAST) for job in JOBS})})),
    "files/dump": ("a dump, data/raw/prices-BYBIT.json", DUMP),
    "files/rates": ("the JSON export of `rates build`", shape({"schema": {"const": 1}, "rates": many(RATE)})),
    "files/run-log-line": ("a line of the run log: a job's result, or a build of the rates", {"anyOf": [
        shape({**OF_ANY, "at": TIME, "run_id": RUN_ID, "command": TEXT}, RESULT), RATES_LINE]}),
    "redis/l1": ("a field of the hash P:{BYBIT}:l1", L1),
    "redis/l1-meta": ("the hash P:{BYBIT}:l1:meta; all values are texts", META),
    "redis/held": ("a field of the hashes P:{BYBIT}:held and P:{BYBIT}:marked", REDIS_HELD),
    "redis/release": ("a field of the hash P:{BYBIT}:release", shape(
        {f"{name}?": DECIMAL for name in ("bid", "ask", "mid")})),
    "redis/event": ("an entry of the stream P:{BYBIT}:events; all values are texts", shape(
        {**dict.fromkeys(FIGURES, NUMERAL), "run_id": RUN_ID})),
    "redis/history": ("the fields of an entry of the stream P:{BYBIT}:h:BTC/USDT, its id is `<collected ms>-0`", shape(
        {f"{name}?": DECIMAL for name in ("bid", "ask", "last", "mid")})),
    "redis/wallet-meta": ("the hash P:{BYBIT}:wallet:meta; all values are texts", shape(
        {**HEAD["properties"], "schema": {"const": "1"}})),
    "redis/wallet": ("a field of the hash P:{BYBIT}:wallet", ASSET),
    "redis/stats": ("the text P:{BYBIT}:stats", STATISTICS),
}  # fmt: skip


def document(command: str, result: Schema, more: dict[str, Schema]) -> Schema:
    """The shape of a command's document."""
    head = {"schema": {"const": 1}, "command": {"const": command}, "run_id": RUN_ID, "started_at": TIME,
            "duration_ms": COUNT, "results": many(result)}  # fmt: skip
    return shape(head | more)


def schemas() -> dict[str, Schema]:
    """Return every schema by its name below docs/schema/."""
    every = dict(SCHEMAS)
    for command, (result, more) in COMMANDS.items():
        every[f"commands/{command.replace(' ', '-')}"] = (
            f"`marketctl {command} --json`",
            document(command, result, more),
        )
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {
        name: {"$schema": draft, "$id": f"urn:marketctl:schema:1:{name}", "title": title, **found}
        for name, (title, found) in every.items()
    }


def pages() -> dict[str, str]:
    """Return path below docs/ → text."""
    return {
        f"schema/{name}.json": json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        for name, found in schemas().items()
    }
