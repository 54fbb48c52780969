"""All an adapter's author reads: the base, batches, fields, signing, networks; and the adapters."""
