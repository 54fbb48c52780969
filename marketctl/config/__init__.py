"""What the user wrote: providers.toml and credentials.toml, where they are, read strictly, edited in place."""
