"""Which quotes are believed: each against other venues and its own last good one."""
