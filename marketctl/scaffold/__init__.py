"""What `providers new` writes."""
