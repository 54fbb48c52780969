"""marketctl: wallets, best prices and health of exchanges and rate sources, in one shape."""

__version__ = "0.1.0"
