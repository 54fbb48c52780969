"""How providers are asked: one client with retries, pacing, limits and exact numbers; nothing vendor-specific."""
