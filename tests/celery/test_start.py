"""One worker and one beat of Celery: every job of every provider is done, and a stop is clean."""

import signal

import pytest

pytest.importorskip("celery", reason="celery is not installed: pip install 'marketctl[celery]'")

from tests.celery.fleet import TICKERS, Fleet, wait_for

PATIENCE_S = 60


def test_a_worker_and_beat_do_every_job_and_stop_when_told(tmp_path):
    fleet = Fleet(tmp_path)
    try:
        fleet.start("north", "worker", "-c", "1")
        fleet.start("north", "beat")
        jobs = [(provider, job) for provider in TICKERS for job in ("wallet", "prices", "stats")]
        wait_for(lambda: all(fleet.done(*one) for one in jobs), PATIENCE_S)
        ended = []
        for process in fleet.processes.values():
            process.send_signal(signal.SIGTERM)
            ended.append(process.wait(PATIENCE_S))
        assert ended == [0, 0]
        assert fleet.locks() == {}
        for provider in TICKERS:
            assert int(fleet.server.say("HGET", f"marketctl:{{{provider}}}:l1:meta", "seq")) >= 1
            assert fleet.server.say("HLEN", f"marketctl:{{{provider}}}:wallet") > 0
        assert fleet.most == dict.fromkeys(TICKERS, 1)
        assert "Traceback" not in fleet.told()
        told = "".join(path.read_text() for path in fleet.folder.glob("*.log"))
        assert [key for api in fleet.sandbox.apis.values() for key in api.keys.values() if key in told] == []
    finally:
        fleet.close()
