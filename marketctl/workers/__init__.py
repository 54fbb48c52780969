"""The same jobs on many machines: Celery's tasks, and a beat that goes by the schedule."""
