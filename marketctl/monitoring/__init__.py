"""What monitoring systems are told: run log, figures, pings, plugin lines."""
