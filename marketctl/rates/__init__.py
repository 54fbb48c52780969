"""Exchange rates of the desk's directions, built of quotes, fees and margins."""
