"""What was collected, read for people and programs: quotes and their age, snapshots, routes, comparisons."""
