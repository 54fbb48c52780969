"""Exchanges, a file each."""
