"""MEXC's sandbox: its awkward rows, and that it changes as a market does."""

from marketctl.providers.cex.mexc import MexcAdapter


def test_sandbox_lists_one_twin_and_changes_from_call_to_call(sandbox, adapt):
    coin = sandbox.world.coins[16]
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys)
    first, second = adapter.assets().assets, adapter.assets().assets
    codes = {network.network: network for network in first[coin.ticker].networks.values()}
    differing = [name for name in coin.networks if codes[name].contract != coin.contract(name)]
    assert differing == [coin.networks[0]]
    assert [one["USDT"].networks["TRX"].withdraw for one in (first, second)] == [True, False]
    assert first["ETH"].networks["ETH"].withdraw_fee != second["ETH"].networks["ETH"].withdraw_fee
