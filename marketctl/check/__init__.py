"""The health of providers, cheapest test first; writes nothing."""
