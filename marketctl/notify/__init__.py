"""Alerts: what somebody wants to be told, told once: conditions, rules, words, ledger, outbox, channels."""
