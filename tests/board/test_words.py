"""The board's words: each in both languages, and used."""

import re

from marketctl import board

WORDS = board.page_words()


def test_every_word_is_there_in_both_languages_and_used():
    script, template = board.page_script(), (board.FOLDER / "page.html").read_text(encoding="utf-8")
    used = set(re.findall(r'(?<![\w.])t\("([^"]+)"', script)) | set(re.findall(r'(?:"|words\.)(\w+)', template))
    assert sorted(set(re.findall(r'(?<![\w.])t\("([^"]+?[^_])"', script)) - set(WORDS)) == []
    for key, texts in WORDS.items():
        assert len(texts) == 2, key
        assert all(texts), key
        assert sorted(re.findall(r"\{\w+\}", texts[0])) == sorted(re.findall(r"\{\w+\}", texts[1])), key
    made_up = ("state_", "v_", "job_", "r_", "c_", "why_", "id_", "platform_", "growth_", "badge_", "unit_", "which_",
               "closed_", "opened_", "as_", "cause_", "lo_", "unanswered_", "unseen_", "fee_source_")  # fmt: skip
    listed = set(re.findall(r'"([\w-]+)"', script))
    assert sorted(key for key in set(WORDS) - used - listed if not key.startswith(made_up)) == []


# What Russian desks write so, what one types, and names of fields in a provider's answers.
TERMS = set("bid ask memo marketctl providers toml watch taker_fee ccxt tron".split())
TYPED = set("stats collect check wallet prices show".split())
FIELDS = set("takerCommission takerFee takerFeeRate fee".split())


def test_the_russian_words_are_russian():
    foreign = {}
    for key, (_, russian) in WORDS.items():
        said = re.findall(r"[A-Za-z_]{2,}", re.sub(r"\{\w+\}", "", russian))
        known = TERMS | TYPED | {"Redis"} | (FIELDS if key.startswith("fee_source_") else set())
        left = [word for word in said if word not in known and word.lower() not in TERMS and not word.isupper()]
        if left:
            foreign[key] = left
    assert foreign == {}


def test_every_reason_has_words():
    from marketctl import errors

    reasons = {cls.reason for cls in vars(errors).values() if isinstance(cls, type) and hasattr(cls, "reason")}
    assert sorted(reason for reason in reasons if f"r_{reason}" not in WORDS) == []
