"""The work: a schedule, runs at a desk, and what the wallet, prices and stats jobs store."""
