"""What lies in data/: how files are written whole, journals, states, locks, what may be forgotten."""
