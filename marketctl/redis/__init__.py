"""Redis: the connection, the embedded server, locks over machines, what is published and read back."""
