"""The worked example of the guide is a file that can be read, the same in both languages."""

import re
from pathlib import Path

import pytest

from marketctl.providers.loader import load_registry
from marketctl.rates.plan import read_plan

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.parametrize("page", ["rates.md", "rates.ru.md"])
def test_the_worked_example_is_read(tmp_path, page):
    (block,) = re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "rates.toml"
    path.write_text(re.sub(r"(?m)^   ", "", block), encoding="utf-8")
    plan = read_plan(path, load_registry(DOCS.parent / "providers.toml", environ={}))
    assert [one.name for one in plan.directions] == [
        "USDTTRC20:SBERRUB",
        "SBERRUB:BTC",
        "BTC:CASHRUB:MSK",
        "BTC:CASHRUB:SPB",
    ]
