"""Official rates of central banks, a file each."""
