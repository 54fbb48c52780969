"""The public address of the Celery application: `celery -A marketctl.celery_app worker`, and `... beat`."""

from marketctl.workers.app import app, job_task
from marketctl.workers.beat import Timetable

__all__ = ["Timetable", "app", "job_task"]
