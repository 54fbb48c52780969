"""A hundred more venues: ccxt's knowledge of their wires over our own client."""

from marketctl.providers.bridge.adapter import CcxtAdapter

__all__ = ["CcxtAdapter"]
