"""A broker that refuses for a while counts as one that is away, whatever is asked of it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("celery", reason="celery is not installed: pip install celery")

from celery import Celery
from kombu import Connection, Queue
from redis.exceptions import ConnectionError as BrokenConnection

from marketctl.config.credentials import load_credentials
from marketctl.jobs.desk import Desk
from marketctl.providers.loader import load_registry
from marketctl.workers.broker import broker_url
from marketctl.workers.rates import ask_for_rates
from tests.workers.refusals import REFUSALS, have
from tools.torture_world import RedisServer

QUEUE = Queue("prices", routing_key="prices")
OPTIONS = {"global_keyprefix": "marketctl:celery:"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as found:
        yield found


@pytest.mark.parametrize(("refuse", "allow", "words"), REFUSALS.values(), ids=list(REFUSALS))
def test_a_broker_that_refuses_for_a_while_is_one_that_is_away(server, refuse, allow, words):
    url, _ = broker_url(server.url)
    with Connection(url, transport_options=OPTIONS) as connection, Connection(url, transport_options=OPTIONS) as other:
        got = []
        channel = connection.channel()
        producer = connection.Producer(channel)
        consumer = connection.Consumer([QUEUE], callbacks=[lambda _body, message: got.append(message)], channel=channel)
        consumer.qos(prefetch_count=1)
        with consumer:
            producer.publish({"n": 1}, routing_key="prices", declare=[QUEUE])
            while not got:
                connection.drain_events(timeout=5)
            have(server, refuse)
            publish = lambda: producer.publish({"n": 2}, routing_key="prices")  # noqa: E731
            asks = [publish, other.transport.establish_connection]
            if words == "maxmemory":  # a full one gives what it has, and may forget it
                with suppress(BrokenConnection):
                    got[0].ack()
            else:
                asks += [got[0].ack, lambda: connection.drain_events(timeout=5)]
            for ask in asks:
                with pytest.raises(connection.connection_errors, match=words) as caught:
                    ask()
                assert isinstance(caught.value, BrokenConnection)
            have(server, allow)
            producer.publish({"n": 3}, routing_key="prices")
            while len(got) < 2:
                connection.drain_events(timeout=5)
            got[1].ack()
        assert [message.payload for message in got] == [{"n": 1}, {"n": 3}]
        other.channel()


def test_a_broker_apart_that_is_away_costs_a_job_nothing(server, tmp_path, caplog):
    """Quotes are out, and what was to be asked for beside them is told, not raised."""
    registry = tmp_path / "providers.toml"
    registry.write_text(f'[settings]\nredis_url = "{server.url}"\n')
    (tmp_path / "rates.toml").touch()

    def nothing() -> None:
        """Do nothing: nobody takes it."""

    app = Celery("apart", broker="redis://127.0.0.1:9")
    with Desk(load_registry(registry), load_credentials(tmp_path / "credentials.toml")) as desk:
        ask_for_rates(desk, app.task(nothing))
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told.startswith("the rates were not asked for: the broker does not take tasks: ")
