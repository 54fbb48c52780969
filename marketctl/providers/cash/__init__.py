"""Sources of fiat rates, a file each."""
