"""What an amount becomes on the way through venues and networks."""
