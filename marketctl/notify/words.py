"""Events in words, English or Russian: one line for one cause, however many venues or jobs it is about."""

from collections.abc import Mapping, Sequence
from typing import Any

from marketctl.notify.rules import Event
from marketctl.text import printable

WARNING, SUCCESS, INFO = "warning", "success", "info"

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "withdraw": "withdrawals",
        "deposit": "deposits",
        "and": " and ",
        "closed": "{subject}: {doors} {shut} at {n} of {of}{who}{ways}",
        "open": "{subject}: {doors} {free} again at {of} of {of}",
        "gone": "{subject}: {doors}: no venue lists it any more",
        "blink": "{subject}: {doors} closed and opened again at {venues} ({times} changes), now {state}",
        "state closed": "closed",
        "state open": "open",
        "shut": "closed",
        "shut both": "closed",
        "free": "open",
        "free both": "open",
        "ways": "; open: {ways}",
        "no way": "; no other way is open",
        "above": "{pair} above {bound}: {price} at {at}",
        "above over": "{pair} no longer above {bound}",
        "below": "{pair} below {bound}: {price} at {at}",
        "below over": "{pair} no longer below {bound}",
        "gap": "{pair}: gap of {net_percent} % net: buy at {buy_at} for {ask}, sell at {sell_at} for {bid}, "
        "over {network}",
        "gap over": "{pair}: no such gap any more",
        "failing": "{what} failing{since}: {reason}",
        "failing over": "{what} working again",
        "stale": "{what} stale{since}",
        "stale over": "{what} fresh again",
        "held": "{provider}: quotes held back: {count}",
        "held over": "{provider}: no quote held back any more",
        "crossed": "{pair}: bid above ask at {venues}: not published",
        "crossed over": "{pair}: bid and ask are in order again",
        "quota": "{provider}: the plan runs dry at {dry_at} ({remaining} left)",
        "quota over": "{provider}: the plan lasts again",
        "key": "{provider}: the key ends at {ends_at}",
        "key over": "{provider}: the key is good for longer",
        "twin": "{asset}: another coin of this name at {venues}: {why}",
        "twin over": "{asset}: {venues}: no other coin any more",
        "fee": "{asset} · {network}: fee {moves}",
        "flap": "{line} (changed {times} times within an hour: silent until it is steady)",
        "still": "still: {line}",
        "steady": "steady now: {line}",
        "resolved": "{line}; resolved after {span}",
        "since": " since {time}",
        "of": "{job} of {providers}",
        "digest": "{n} events",
        "more": "… and {n} more: marketctl notify log",
        "test": "This is a test: alerts of marketctl arrive here.",
        "day": "d",
        "hour": "h",
        "minute": "min",
        "second": "s",
        "prices": "prices",
        "wallet": "wallet",
        "stats": "statistics",
    },
    "ru": {
        "withdraw": "вывод",
        "deposit": "ввод",
        "and": " и ",
        "closed": "{subject}: {doors} {shut} на {n} из {of}{who}{ways}",
        "open": "{subject}: {doors} снова {free} на {of} из {of}",
        "gone": "{subject}: {doors}: больше нет ни на одной площадке",
        "blink": "{subject}: {doors} закрывался и открывался на {venues} ({times} раз), сейчас {state}",
        "state closed": "закрыт",
        "state open": "открыт",
        "shut": "закрыт",
        "shut both": "закрыты",
        "free": "открыт",
        "free both": "открыты",
        "ways": "; открыты: {ways}",
        "no way": "; других открытых сетей нет",
        "above": "{pair} выше {bound}: {price} на {at}",
        "above over": "{pair} больше не выше {bound}",
        "below": "{pair} ниже {bound}: {price} на {at}",
        "below over": "{pair} больше не ниже {bound}",
        "gap": "{pair}: разрыв {net_percent} % чистыми: купить на {buy_at} за {ask}, продать на {sell_at} за {bid}, "
        "через {network}",
        "gap over": "{pair}: разрыва больше нет",
        "failing": "{what}: сбой{since}: {reason}",
        "failing over": "{what}: снова работает",
        "stale": "{what}: данные устарели{since}",
        "stale over": "{what}: данные снова свежие",
        "held": "{provider}: задержано котировок: {count}",
        "held over": "{provider}: задержанных котировок больше нет",
        "crossed": "{pair}: покупка выше продажи на {venues}: не публикуется",
        "crossed over": "{pair}: покупка и продажа снова в порядке",
        "quota": "{provider}: лимит тарифа кончится {dry_at} (осталось {remaining})",
        "quota over": "{provider}: лимита тарифа снова хватает",
        "key": "{provider}: ключ действует до {ends_at}",
        "key over": "{provider}: срок ключа продлён",
        "twin": "{asset}: другая монета с тем же именем на {venues}: {why}",
        "twin over": "{asset}: {venues}: другой монеты больше нет",
        "fee": "{asset} · {network}: комиссия {moves}",
        "flap": "{line} (за час менялось {times} раз: молчим, пока не успокоится)",
        "still": "всё ещё: {line}",
        "steady": "успокоилось: {line}",
        "resolved": "{line}; решено через {span}",
        "since": " с {time}",
        "of": "{job} {providers}",
        "digest": "событий: {n}",
        "more": "… и ещё {n}: marketctl notify log",
        "test": "Проверка: сюда приходят оповещения marketctl.",
        "day": "д",
        "hour": "ч",
        "minute": "мин",
        "second": "с",
        "prices": "цены",
        "wallet": "кошельки",
        "stats": "статистика",
    },
}


def lines(events: Sequence[Event], language: str) -> list[dict[str, Any]]:
    """Return a line for each cause: `{"keys", "kind", "status", "type", "title", "text"}`, in the events' order."""
    say = WORDS[language]
    groups: dict[tuple[Any, ...], list[Event]] = {}
    for event in events:
        groups.setdefault(_cause(event), []).append(event)
    return [_line(say, group) for group in groups.values()]


def _cause(event: Event) -> tuple[Any, ...]:
    """Return what makes events one: the two doors of a network, one reason at many providers, one network's fees."""
    facts = event.facts
    if event.kind == "door" and event.status != "flap":
        same = facts.get("closed") if event.status != "over" else facts.get("of")
        return ("door", event.status, facts.get("asset"), facts.get("network"), str(same))
    if event.kind == "failing":
        return ("failing", event.status, facts.get("reason"))
    if event.kind == "stale":
        return ("stale", event.status, facts.get("job"))
    if event.kind == "fee":
        return ("fee", facts.get("asset"), facts.get("network"))
    return (event.key, event.status)


def _line(say: Mapping[str, str], group: Sequence[Event]) -> dict[str, Any]:
    first = group[0]
    maker = {"door": _door, "failing": _jobs, "stale": _jobs, "fee": _fee}.get(first.kind, _plain)
    title, text = maker(say, group)
    lasted = max((event.lasted_ms for event in group if event.lasted_ms is not None), default=None)
    if first.status == "over" and lasted is not None:
        text = say["resolved"].format(line=text, span=span(say, lasted))
    elif first.status in ("still", "steady"):
        text = say[first.status].format(line=text)
    elif first.status == "flap":
        text = say["flap"].format(line=text, times=first.facts["times"])
    kind = SUCCESS if first.status == "over" else INFO if first.status in ("fee", "blink") else WARNING
    return {
        "keys": [event.key for event in group],
        "kind": first.kind,
        "status": first.status,
        "type": kind,
        "title": title,
        "text": text,
    }


def _door(say: Mapping[str, str], group: Sequence[Event]) -> tuple[str, str]:
    first, facts = group[0], group[0].facts
    subject = f"{facts['asset']} · {facts['network']}"
    names = dict.fromkeys(event.facts.get("door", facts["door"]) for event in group)
    doors = say["and"].join(say[name] for name in sorted(names, reverse=True))
    both = " both" if len(names) > 1 else ""
    if "venues" in facts:  # it came and went
        state = say["state closed" if facts["closed"] else "state open"]
        text = say["blink"].format(
            subject=subject, doors=doors, venues=", ".join(facts["venues"]), times=facts["times"], state=state
        )
    elif first.status == "over" or not facts.get("closed"):
        text = say["gone" if facts.get("gone") else "open"].format(
            subject=subject, doors=doors, free=say[f"free{both}"], of=facts.get("of")
        )
    else:
        closed = facts["closed"] if isinstance(facts["closed"], list) else []
        who = "" if len(closed) == facts["of"] else f" ({', '.join(closed)})"
        ways = ", ".join(f"{slug} {fee or '?'}" for slug, fee in facts["ways"])
        ways = say["ways"].format(ways=ways) if ways else say["no way"]
        text = say["closed"].format(
            subject=subject, doors=doors, shut=say[f"shut{both}"], n=len(closed), of=facts["of"], who=who, ways=ways
        ) + "".join(f"; {venue}: {printable(note)}" for venue, note in list(facts.get("notes", {}).items())[:1])
    return subject, text


def _jobs(say: Mapping[str, str], group: Sequence[Event]) -> tuple[str, str]:
    """Name jobs and providers: "prices, wallet of BYBIT; prices of MEXC, HTX"."""
    by_jobs: dict[tuple[str, ...], list[str]] = {}
    jobs: dict[str, list[str]] = {}
    for event in group:
        jobs.setdefault(event.facts["provider"], []).append(event.facts["job"])
    for provider, names in jobs.items():
        by_jobs.setdefault(tuple(names), []).append(provider)
    what = "; ".join(
        say["of"].format(job=", ".join(say[name] for name in names), providers=", ".join(providers))
        for names, providers in by_jobs.items()
    )
    facts = group[0].facts
    since = min((str(event.facts["since"]) for event in group if event.facts.get("since")), default=None)
    words = {
        "what": what,
        "reason": facts.get("reason"),
        "since": say["since"].format(time=minute(since)) if since else "",
    }
    return what, say[_name(group[0])].format(**words)


def _fee(say: Mapping[str, str], group: Sequence[Event]) -> tuple[str, str]:
    facts = group[0].facts
    moves = ", ".join(
        f"{event.facts['before']} → {event.facts['after']} ({event.facts['percent']} %) {event.facts['provider']}"
        for event in group
    )
    names = {"asset": facts["asset"], "network": facts["network"]}
    return "{asset} · {network}".format(**names), say["fee"].format(**names, moves=moves)


def _plain(say: Mapping[str, str], group: Sequence[Event]) -> tuple[str, str]:
    event = group[0]
    facts = {name: ", ".join(value) if isinstance(value, list) else value for name, value in event.facts.items()}
    title = str(facts.get("pair") or facts.get("provider") or facts.get("asset") or event.key)
    try:
        return title, say[_name(event)].format(**facts)
    except KeyError:  # an older version noted less of it
        return event.key, event.key


def _name(event: Event) -> str:
    return f"{event.kind} over" if event.status == "over" else event.kind


def span(say: Mapping[str, str], ms: int) -> str:
    """Write how long something lasted: "3 h 20 min", "45 s"."""
    seconds = ms // 1000
    for size, unit, small, small_unit in ((86400, "day", 3600, "hour"), (3600, "hour", 60, "minute")):
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size} {say[unit]}" + (f" {rest} {say[small_unit]}" if rest else "")
    return f"{seconds // 60} {say['minute']}" if seconds >= 60 else f"{seconds} {say['second']}"


def minute(iso: str) -> str:
    """Write a time to the minute, in UTC."""
    return f"{iso[:10]} {iso[11:16]} UTC"
