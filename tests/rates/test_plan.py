"""rates.toml: what is read, and every typo with file, line and column."""

import pytest

from marketctl.errors import ConfigError
from marketctl.rates.places import place_of
from marketctl.rates.plan import read_plan
from tests.rates.world import World

GOOD = """\
[export]
good_builds = 2

[max_age_s]
OPENEXCHANGERATES = 7200

[constants]
margin = "1.5%"
rub = "RAPIRA USDT/RUB bid - margin"

[codes]
USDTTRC20 = { asset = "USDT", network = "tron", decimals = 2 }
SBERRUB = { asset = "RUB" }

[[directions]]
from = "USDTTRC20"
to = "SBERRUB"
rate = "rub * 1.0"
at_least = 50
at_most = '''
  OPENEXCHANGERATES USD/RUB mid
  + 30%'''
amount = 5000000
from_min = "100.001"
from_max = 20000.559
to_fee = ["0.5%", "10"]
labels = ["manual", "verifying"]
city = ["MSK", "SPB"]
needs = [
  "MEXC USDT tron deposit",
  "MEXC USDT tron withdraw",
]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("plan"))


def read(world, text):
    world.rates.write_text(text, encoding="utf-8")
    return read_plan(world.rates, world.registry)


def test_the_whole_file(world):
    plan = read(world, GOOD)
    assert [one.name for one in plan.directions] == ["USDTTRC20:SBERRUB:MSK", "USDTTRC20:SBERRUB:SPB"]
    one = plan.directions[0]
    assert [str(leg) for leg in one.legs] == ["RAPIRA USDT/RUB bid", "OPENEXCHANGERATES USD/RUB mid"]
    assert one.limits == {"frommin": "100.01", "frommax": "20000.55"}  # up and down: in the desk's favour
    assert one.fees == {"fromfee": (), "tofee": (("0.5", True), ("10", False))}
    assert [str(need) for need in one.needs] == ["MEXC USDT tron deposit", "MEXC USDT tron withdraw"]
    assert (one.in_decimals, one.out_decimals, one.labels) == (2, 2, ("manual", "verifying"))
    assert (plan.max_age_s, plan.export.good_builds, plan.export.legacy) == ({"OPENEXCHANGERATES": 7200.0}, 2, True)
    assert plan.export.xml == world.data / "rates" / "rates.xml"


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "message"),
    [
        ('"1.5%"', '"1.5 %%"', 8, 16, 'constants margin: found "%", expected * / + - or the end'),
        ('"rub * 1.0"', '"rub * 1,0"', 18, 16, 'directions 1 rate: found ",", expected * / + - or the end'),
        ('"rub * 1.0"', '"\\u0072ub * rup"', 18, 20, 'there is no constant "rup"; did you mean rub?'),
        ('"rub * 1.0"', "2", 18, 8, "a rate without a live quote would be served whatever happens"),
        ('"rub * 1.0"', '"margin"', 18, 9, "a percentage of nothing, expected a rate"),
        ("at_least = 50", 'at_least = "95%"', 19, 13, "at_least: a percentage of nothing, expected a rate"),
        ("at_least = 50", 'at_least = "margin"', 19, 13, "at_least: a percentage of nothing, expected a rate"),
        ("= 7200", "= nan", 5, 21, "found NaN (number), expected seconds, more than 0 and at most a year"),
        ('"rub * 1.0"', "true", 18, 8, "found true (boolean), expected a formula"),
        ("USD/RUB mid\n", "USD/RUB midd\n", 21, 29, 'found "midd", expected bid, ask or mid; did you mean mid?'),
        ("OPENEXCHANGERATES USD", "OPENEXCHANGE USD", 21, 3, 'no such provider "OPENEXCHANGE"; did you mean OPENEX'),
        ('to = "SBERRUB"', 'to = "SBERUB"', 17, 7, '"SBERUB" is not in [codes]; did you mean SBERRUB?'),
        ('to = "SBERRUB"', 'to = "USDTTRC20"', 17, 6, "USDTTRC20 for USDTTRC20: expected another code"),
        ('"tron", d', '"trun", d', 12, 41, 'codes USDTTRC20 network: no such network "trun"; did you mean tron?'),
        ('asset = "USDT"', 'asset = "US<DT"', 12, 23, 'found "US<DT" (string), expected a ticker such as USDT'),
        ("SBERRUB = { asset", "S = { asset", 13, 15, 'found the code "S", expected 2 to 20 capital letters and digits'),
        (', network = "tron", d', ", d", 12, 1, "expected the network on which USDT moves, such as tron"),
        ("decimals = 2", "decimals = 2.5", 12, 60, "found 2.5 (number), expected a whole number from 0 to 18"),
        ("decimals = 2", "decimal = 2", 12, 49, 'no such key; did you mean "decimals"?'),
        ("good_builds", "good_build", 2, 1, 'export good_build: no such key; did you mean "good_builds"?'),
        ("amount = 5", "# amount = 5", 15, 3, "amount: found nothing, expected an amount, which the export must tell"),
        ("amount = 5000000", 'amount = "5e6"', 23, 10, 'found "5e6" (string), expected an amount above 0, such as'),
        ("amount = 5000000", "amount = 0", 23, 10, "found 0 (integer), expected an amount above 0"),
        ("from_max = 20000.559", "from_max = 99", 25, 12, "99 is below from_min 100.01"),
        ('"0.5%", "10"', '"0.5%", "1O"', 26, 19, 'expected a fee such as "10" or "0.5%"'),
        ('"0.5%", "10"', '"0.5%", "1%"', 26, 19, "two fees of one kind, expected one absolute and one in percent"),
        ('"0.5%", "10"', '"10", "100%"', 26, 17, 'to_fee: found "100%" (string), expected a fee below 100%'),
        ('"0.5%", "10"', '"250.5 %"', 26, 11, 'to_fee: found "250.5 %" (string), expected a fee below 100%'),
        ("amount = 5000000", 'amount = "0.001"', 23, 10, "amount: nothing is left of it with 2 decimals"),
        ("amount", "floating = { percent = 100 }\namount", 23, 24, "found 100 (integer), expected less than 100"),
        ('"manual", "v', '"manual", "V', 27, 21, 'found "Verifying" (string), expected a label such as manual'),
        ('"manual"', '"city"', 27, 11, 'found "city" (string), expected a label such as manual'),
        ('"SPB"]', '"MSK"]', 28, 16, 'found "MSK" twice, expected it once'),
        ("tron deposit", "trom deposit", 30, 14, 'needs: no such network "trom"; did you mean tron?'),
        ("tron withdraw", "tron withdrawal", 31, 19, 'no such way "withdrawal"; did you mean withdraw?'),
        ("MEXC USDT tron w", "MECX USDT tron w", 31, 4, 'no such provider "MECX"; did you mean MEXC?'),
        ("tron deposit", "deposit", 30, 21, "found 3 words, expected four such as"),
        ("OPENEXCHANGERATES = 7200", "OPENEXCHANGERATE = 7200", 5, 1, 'no such provider; did you mean "OPENEXCHANGER'),
        ("amount = 5", "amout = 5", 23, 1, 'directions 1 amout: no such key; did you mean "amount"?'),
        ('to = "SBERRUB"', 'too = "SBERRUB"', 17, 1, 'directions 1 too: no such key; did you mean "to"?'),
        ('rate = "', 'rat = "', 18, 1, 'directions 1 rat: no such key; did you mean "rate"?'),
        ('{ asset = "USDT"', '{ aset = "USDT"', 12, 15, 'codes USDTTRC20 aset: no such key; did you mean "asset"?'),
        ("[constants]", "[constant]", 7, 2, 'constant: no such key; did you mean "constants"?'),
    ],
)
def test_a_typo_names_line_and_column(world, old, new, line, column, message):
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        read(world, GOOD.replace(old, new, 1))
    told = caught.value.message
    assert told.startswith(f"{world.rates}: line {line}, column {column}: "), told
    assert message in told


@pytest.mark.parametrize(
    ("low", "high", "told"), [("50", '"49.5"', "49.5"), ('"90 + 1%"', '"2 / 3"', "0.666666666666")]
)
def test_bounds_between_which_no_rate_can_be_are_refused(world, low, high, told):
    lines = GOOD[GOOD.index("at_least") : GOOD.index("amount")]
    with pytest.raises(ConfigError) as caught:
        read(world, GOOD.replace(lines, f"at_least = {low}\nat_most = {high}\n"))
    least = "50" if low == "50" else "90.9"
    assert caught.value.message == (
        f"{world.rates}: line 20, column 11: directions 1 at_most: {told} is below at_least {least}"
    )
    read(world, GOOD.replace(lines, f"at_least = {low}\nat_most = {low}\n"))
    read(world, GOOD.replace(lines, 'at_least = 50\nat_most = "1 / 0"\n'))  # each build says so


def test_a_direction_twice_is_refused(world):
    again = GOOD[GOOD.index("[[directions]]") :]
    with pytest.raises(ConfigError, match=r"line 36, column 6: .*USDTTRC20:SBERRUB:MSK stands here twice"):
        read(world, GOOD + "\n" + again)


def test_no_toml_and_no_file(world):
    with pytest.raises(ConfigError, match=r"not valid TOML: .*line 1, column 3"):
        read(world, "[a\n")
    world.rates.unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_plan(world.rates, world.registry)


def test_a_file_that_everybody_can_write_is_refused(world):
    world.rates.write_text(GOOD)
    world.rates.chmod(0o666)
    with pytest.raises(ConfigError, match="everybody can write it"):
        read_plan(world.rates, world.registry)
    world.rates.chmod(0o644)


def test_one_currency_in_two_codes_may_have_a_fixed_rate(world):
    text = GOOD.replace('SBERRUB = { asset = "RUB" }', 'SBERRUB = { asset = "USDT", network = "ton" }')
    plan = read(world, text.replace('"rub * 1.0"', '"1 - 0.5%"'))
    assert plan.directions[0].formula.legs == ()


def test_place_inside_a_text_with_escapes():
    text = 'a = "\\u0041b\\tc"\nb = """\nxy\\\n   z"""\n'
    assert place_of(text, ("a",), 3) == (1, 15)
    assert place_of(text, ("b",), 2) == (3, 3)
    assert place_of(text, ("nothing", 3, "at all"), 2) == (1, 1)
