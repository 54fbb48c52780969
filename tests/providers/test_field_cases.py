"""Answers that operators met, made up anew, and what they are to become: doors and prices, a test a kind."""

import json

import pytest

from marketctl.errors import BadAnswer
from marketctl.models import Pair, any_open
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import bybit, kucoin, mexc, rapira, whitebit
from marketctl.providers.cex.bybit import BybitAdapter
from marketctl.providers.cex.mexc import MexcAdapter
from marketctl.providers.cex.rapira import RapiraAdapter
from marketctl.providers.counts import count_open, count_pairs
from tests.wire import Wire, reply

# Doors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "withdraw"),
    [
        ({"chainWithdraw": "1", "withdrawFee": ""}, False),  # nothing can be withdrawn there, whatever the switch says
        ({"chainWithdraw": "1", "withdrawFee": "0"}, True),  # free
        ({"chainWithdraw": "1"}, True),  # not told
        ({"chainWithdraw": "", "withdrawFee": "2"}, False),
        ({"withdrawFee": "2"}, None),
    ],
)
def test_bybit_a_fee_of_nothing_closes_the_way_out(chain, withdraw):
    network = bybit.parse_network({"chain": "ETH", "chainDeposit": "1"} | chain, "ETH", bybit.AssetBatch(bybit.OFF))
    assert (network.deposit, network.withdraw) == (True, withdraw)


def test_mexc_words_of_a_suspension_stand_beside_the_flag_as_sent():
    coin = {
        "coin": "USDT",
        "networkList": [
            {
                "netWork": "OP",
                "network": "Optimism(OP)",
                "depositEnable": True,
                "withdrawEnable": True,
                "depositDesc": "Wallet is being worked on. Deposits rest.",
                "withdrawFee": "1",
            }
        ],
    }
    network = mexc.parse_assets([coin]).assets["USDT"].networks["OP"]
    assert (network.deposit, network.note) == (True, "Wallet is being worked on. Deposits rest.")


@pytest.mark.parametrize(
    ("multiple", "precision"), [(0.001, 3), ("0.000001", 6), ("1E-8", 8), ("8", 8), (4, 4), ("1.5", None), (None, None)]
)
def test_mexc_withdrawal_step_and_count_of_decimals(multiple, precision):
    from decimal import Decimal

    value = Decimal(str(multiple)) if isinstance(multiple, float) else multiple
    assert mexc.parse_precision(mexc.AssetBatch().amount(value)) == precision


def test_whitebit_a_plain_fee_is_not_spread_over_two_networks():
    assets = {
        "ACME": {
            "name": "Acme",
            "can_deposit": True,
            "can_withdraw": True,
            "is_memo": False,
            "networks": {"deposits": ["ERC20", "BEP20"], "withdraws": ["ERC20", "BEP20"]},
            "confirmations": {"ERC20": 32, "BEP20": 12},
        }
    }
    fee = {
        "ACME": {
            "ticker": "ACME",
            "providers": [],
            "withdraw": {"min_amount": "25", "fixed": "3.07", "flex": None},
            "deposit": {"min_amount": "15", "fixed": None, "flex": None},
        }
    }
    networks = whitebit.parse_assets(assets, fee).assets["ACME"].networks
    assert {key: one.withdraw_fee for key, one in networks.items()} == {"ERC20": None, "BEP20": None}
    assert any_open([one.withdraw for one in networks.values()]) is True


# Prices ------------------------------------------------------------------------------------


def test_bybit_new_kinds_of_pairs_are_pairs_and_what_is_not_open_is_halted():
    rows = [
        {"symbol": "ACMEXUSDT", "baseCoin": "ACMEX", "quoteCoin": "USDT", "status": "Trading", "symbolType": "xstocks"},
        {"symbol": "IDXUSDT", "baseCoin": "IDX", "quoteCoin": "USDT", "status": "Trading", "symbolType": "etf"},
        {"symbol": "NEWUSDT", "baseCoin": "NEW", "quoteCoin": "USDT", "status": "PreLaunch"},
    ]
    assert [(pair.symbol, pair.status) for pair in bybit.parse_pairs({"result": {"list": rows}})] == [
        ("ACMEXUSDT", "trading"), ("IDXUSDT", "trading"), ("NEWUSDT", "halted"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "status"),
    [({"status": "Closed"}, "halted"), ({"status": "1"}, "trading"), ({"status": None}, None), ({}, None),
     ({"status": "Frozen?"}, None)],
)  # fmt: skip
def test_bybit_a_state_that_is_not_told_or_has_no_known_word_is_unknown(told, status):
    row = {"symbol": "AUSDT", "baseCoin": "A", "quoteCoin": "USDT"} | told
    assert bybit.parse_pairs({"result": {"list": [row]}})[0].status == status


def bybit_page(rows, cursor=None):
    result = {"category": "spot", "list": rows} | ({} if cursor is None else {"nextPageCursor": cursor})
    return reply(200, json.dumps({"retCode": 0, "result": result, "time": 1767225600000}).encode())


def bybit_rows(first, last):
    return [
        {"symbol": f"C{number}USDT", "baseCoin": f"C{number}", "quoteCoin": "USDT", "status": "Trading"}
        for number in range(first, last)
    ]


@pytest.mark.parametrize("end", [None, "", "two"])
def test_bybit_a_cursor_on_a_list_that_had_none_is_followed_to_its_end(adapt, end):
    tickers = [{"symbol": f"C{number}USDT", "bid1Price": "1", "ask1Price": "2"} for number in range(640)]
    pages = (bybit_page(bybit_rows(0, 500), "two"), bybit_page(bybit_rows(500, 640), end), bybit_page(tickers))
    wire = Wire(*pages)
    batch = adapt(BybitAdapter, wire.url).prices()
    wire.stop()
    assert (len(batch.quotes), batch.skipped) == (640, {})
    assert [one.line.split()[1] for one in wire.asked] == [
        "/v5/market/instruments-info?category=spot",
        "/v5/market/instruments-info?category=spot&cursor=two",
        "/v5/market/tickers?category=spot",
    ]


def test_bybit_an_empty_page_behind_full_ones_is_the_end_and_an_empty_first_one_is_no_list(adapt):
    tickers = [{"symbol": f"C{number}USDT", "bid1Price": "1", "ask1Price": "2"} for number in range(500)]
    wire = Wire(bybit_page(bybit_rows(0, 500), "two"), bybit_page([], ""), bybit_page(tickers))
    assert len(adapt(BybitAdapter, wire.url).prices().quotes) == 500
    wire.stop()
    wire = Wire(bybit_page([], "two"))
    with pytest.raises(BadAnswer, match=r"result\.list is an empty list"):
        adapt(BybitAdapter, wire.url).pairs()
    wire.stop()


def test_mexc_a_ticker_nobody_lists_does_not_switch_the_cache_off(adapt):
    info = {"symbols": [{"symbol": "AUSDT", "status": "1", "baseAsset": "A", "quoteAsset": "USDT"}]}
    tickers = [{"symbol": "AUSDT", "bidPrice": "1", "askPrice": "2"}, {"symbol": "ZONEUSDT", "bidPrice": "1"}]
    as_json = [reply(200, json.dumps(body).encode()) for body in (tickers, info, {"data": []}, tickers)]
    # A new adapter each time, as each run has one: the lists are asked for once, later the tickers alone.
    wire = Wire(*as_json)
    for _ in range(3):
        batch = adapt(MexcAdapter, wire.url).prices()
        batch.refuse_if_empty()
        assert batch.skipped == {"unknown-symbol": 1}
    wire.stop()
    asked = [one.line.split()[1] for one in wire.asked]
    assert asked.count("/api/v3/exchangeInfo") == 1
    assert asked.count("/api/v3/ticker/24hr") == 3


def test_kucoin_a_pair_that_never_traded_and_a_site_without_trading():
    pairs = PairList([Pair(f"{base}-USDT", base, "USDT", base, "USDT", "trading") for base in ("NEW", "BTC")])
    dead = dict.fromkeys(("buy", "sell", "last", "vol", "volValue", "high", "low", "averagePrice"))
    rows = [{"symbol": "NEW-USDT"} | dead, {"symbol": "BTC-USDT", "buy": "9000", "sell": "9001"}]
    batch = kucoin.parse_prices({"data": {"time": 1767225600000, "ticker": rows}}, QuoteBatch(pairs))
    assert (list(batch.quotes), batch.skipped) == (["BTC/USDT"], {"no-price": 1})
    gone = QuoteBatch(pairs)
    kucoin.parse_prices({"data": {"time": 1, "ticker": [{"symbol": "BTC-USDT"} | dead]}}, gone)
    with pytest.raises(BadAnswer, match="none of 1 quotes can be used: 1 no-price"):
        gone.refuse_if_empty()


def test_mexc_prices_of_zero_are_none_and_other_scripts_are_pairs():
    info = {
        "symbols": [
            {"symbol": f"{base}USDT", "status": "1", "baseAsset": base, "quoteAsset": "USDT"}
            for base in ("ZERO", "币安人生")
        ]
    }
    rows = [
        {"symbol": "ZEROUSDT", "bidPrice": "0", "askPrice": "0", "lastPrice": "0"},
        {
            "symbol": "币安人生USDT",
            "bidPrice": "0.1",
            "bidQty": "5",
            "askPrice": "0.11",
            "askQty": "",
            "quoteVolume": None,
        },
    ]
    batch = mexc.parse_prices(rows, QuoteBatch(PairList(mexc.parse_pairs(info, frozenset()))))
    assert (list(batch.quotes), batch.skipped) == (["币安人生/USDT"], {"no-price": 1})
    assert batch.quotes["币安人生/USDT"].ask_size is None


def test_rapira_volumes_of_the_row_go_before_those_of_a_list_that_is_refused(adapt):
    row = {
        "symbol": "USDT/RUB",
        "close": 80.02,
        "askPrice": 80.05,
        "bidPrice": 80.01,
        "baseCurrency": "RUB",
        "quoteCurrency": "USDT",
        "volume": 1250034.5,
        "turnover": 100027761.2,
        "zone": 0,
    }
    rates = reply(200, json.dumps({"data": [row], "code": 0, "isWorking": 1}).encode())
    wire = Wire(rates, reply(403, b"<html>no</html>"))
    quote = adapt(RapiraAdapter, wire.url).prices().quotes["USDT/RUB"]
    wire.stop()
    row |= {"askPrice": "80.05", "bidPrice": "80.01", "close": "80", "volume": "1250034.5", "turnover": "1"}
    assert (quote.volume, quote.quote_volume, quote.status) == ("1250034.5", "100027761.2", None)
    assert len(wire.asked) == 2  # rates and statuses: a list of volumes would tell nothing more
    assert (
        rapira.parse_prices([row], {"USDT/RUB": ("1", "2")}, QuoteBatch(PairList(rapira.parse_pairs([row], None))))
        .quotes["USDT/RUB"]
        .volume
        == "1250034.5"
    )


def test_configured_pairs_that_are_gone_are_named():
    pairs = PairList([Pair("AUSDT", "A", "USDT", "A", "USDT", "trading"), Pair("B", "B", "USDT", "B", "USDT", None)])
    batch = QuoteBatch(pairs, frozenset({"A/USDT", "B/USDT", "OLD/USDT"}))
    batch.add("AUSDT", "1", "2")
    assert batch.gone(("A/USDT", "B/USDT", "OLD/USDT")) == ["OLD/USDT"]
    cash = QuoteBatch(PairList([]))
    cash.add_rate("EUR/USD", "1.1")
    cash.skip("USD/BGN", "unknown-symbol")
    assert cash.gone(("EUR/USD", "USD/BGN", "USD/TRY")) == ["USD/BGN"]  # TRY could not be asked yet


def test_figures_of_a_venue_that_is_mostly_unknown_are_unknown():
    pairs = [Pair(str(number), "A", "B", "A", "B", "halted" if number < 2 else None) for number in range(6)]
    assert count_pairs(pairs) == {"total": 6, "trading": None, "halted": None}
    pairs = [pair._replace(status=pair.status or "trading") for pair in pairs[:5]] + pairs[5:]
    assert count_pairs(pairs) == {"total": 6, "trading": 3, "halted": 2}
    networks = [bybit.Network(deposit=True if number < 2 else None, withdraw=False) for number in range(6)]
    assert count_open(networks) == {"total": 6, "deposit_open": None, "withdraw_open": 0}


@pytest.mark.parametrize("status", [200, 400])
def test_refused_second_request_is_named_alone(adapt, status):
    row = {"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading"}
    pairs = {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [row]}, "time": 1}
    refused = {"retCode": 77777, "retMsg": "odd", "result": {}, "time": 1}
    with Wire(reply(200, json.dumps(pairs).encode()), reply(status, json.dumps(refused).encode())) as wire:
        adapter = adapt(BybitAdapter, wire.url)
        with pytest.raises(BadAnswer) as caught:
            adapter.read(adapter.prices)
    assert caught.value.message == f"GET 127.0.0.1/v5/market/tickers: HTTP {status}: odd (code 77777)"
