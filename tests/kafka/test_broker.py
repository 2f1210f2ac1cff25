"""The embedded broker is a genuine Kafka that comes quickly, keeps its data, and never stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamproc.errors import UserError
from streamproc.kafka import broker as broker_module
from streamproc.kafka.broker import EmbeddedBroker
from streamproc.kafka.embedded import home, runtime
from streamproc.kafka.embedded.config import HOST
from streamproc.kafka.embedded.java import find_java
from streamproc.kafka.embedded.ports import free_ports
from streamproc.kafka.embedded.runtime import Runtime

OWNER = """
import signal, sys
from streamproc.kafka.broker import EmbeddedBroker
interrupted = []
signal.signal(signal.SIGINT, lambda *_: interrupted.append(True))
with EmbeddedBroker() as broker:
    print(broker.pid, broker.log_file.parent, flush=True)
    sys.stdin.readline()
    print(bool(interrupted), broker.alive, flush=True)
"""


def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for created in admin.create_topics([NewTopic(topic, 1)]).values():
        created.result(10)
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(10) == 0


def consume(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    settings = {"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest", "log_level": 0}
    consumer = Consumer(settings)
    try:
        consumer.subscribe([topic])
        return [message.value() for message in consumer.consume(count, 20)]
    finally:
        consumer.close()


def wait_until_gone(pid: int, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_client_creates_a_topic_produces_and_consumes(bootstrap: str) -> None:
    """What an ordinary client does works as soon as the broker says that it is ready."""
    produce(bootstrap, "broker-smoke", b"a", b"b")
    assert consume(bootstrap, "broker-smoke", 2) == [b"a", b"b"]


def test_topics_are_not_created_by_a_typo(bootstrap: str) -> None:
    """Writing to a topic that nobody created fails instead of creating it."""
    errors: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "message.timeout.ms": 3000, "log_level": 0})
    producer.produce("broker-no-such-topic", b"x", on_delivery=lambda error, _: errors.append(error))
    producer.flush(10)
    assert errors
    assert errors[0] is not None


def test_restart_keeps_data_port_and_settings() -> None:
    """A clean restart and a SIGKILL both bring back the same data on the same port."""
    with EmbeddedBroker(settings={"log.retention.ms": "3600000"}) as broker:
        address = broker.bootstrap_servers
        produce(address, "kept", b"a")
        first = broker.pid
        broker.restart()
        second = broker.pid
        broker.kill()
        assert not broker.alive
        broker.restart()
        assert len({first, second, broker.pid}) == 3
        assert broker.bootstrap_servers == address
        assert consume(address, "kept", 1) == [b"a"]


def test_a_data_directory_is_found_again(tmp_path: Path) -> None:
    """A named data directory outlives the broker, and the next broker serves what is in it."""
    with EmbeddedBroker(data_dir=tmp_path / "data", log_dir=tmp_path / "log") as broker:
        produce(broker.bootstrap_servers, "kept", b"a")
        assert broker.log_file.parent == tmp_path / "log"
    with EmbeddedBroker(data_dir=tmp_path / "data") as broker:
        assert consume(broker.bootstrap_servers, "kept", 1) == [b"a"]


def test_stop_leaves_nothing_behind() -> None:
    """After the block the JVM and its temporary directory are gone."""
    with EmbeddedBroker() as broker:
        pid, directory = broker.pid, broker.log_file.parent
    assert wait_until_gone(pid, 1)
    assert not directory.exists()


def test_the_broker_dies_with_its_owner() -> None:
    """When the owner is killed with SIGKILL, the JVM ends and its temporary directory is removed."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        pid, directory = owner.stdout.readline().split()
        owner.kill()
    assert wait_until_gone(int(pid))
    deadline = time.monotonic() + 60
    while Path(directory).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(directory).exists()


def test_ctrl_c_reaches_the_owner_alone() -> None:
    """A terminal's Ctrl-C signals the owner's whole process group; the broker serves until its owner stops it."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline().split()[0])
        os.killpg(owner.pid, signal.SIGINT)
        answer, _ = owner.communicate("\n", timeout=30)
    assert answer.split() == ["True", "True"]
    assert wait_until_gone(pid, 1)


@pytest.mark.usefixtures("broker")
def test_the_second_start_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the jars are there, a broker starts without asking Maven Central for anything."""

    def no_network(*_: object) -> None:
        pytest.fail("the jars were fetched again")

    monkeypatch.setattr(home, "download", no_network)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "jgo", None)
    with EmbeddedBroker() as broker:
        assert broker.alive


def test_a_broker_that_cannot_start_says_why() -> None:
    """A setting that Kafka refuses becomes a UserError with the reason and the log that holds it."""
    broken = EmbeddedBroker(settings={"num.io.threads": "none"})
    with pytest.raises(UserError, match=r"Invalid value none for configuration num\.io\.threads") as raised:
        broken.start()
    assert str(broken.log_file) in str(raised.value)
    assert broken.log_file.exists()
    assert not broken.alive
    broken.stop()
    assert not broken.log_file.parent.exists()


def test_a_taken_port_is_named() -> None:
    """A port in use is reported, not silently exchanged for another one, when the user chose it."""
    with EmbeddedBroker() as first:
        second = EmbeddedBroker(first.port)
        with pytest.raises(UserError, match=f"another program uses port {first.port}"):
            second.start()
        second.stop()


def test_a_port_lost_between_choice_and_use_is_chosen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a port of the user's choice, a port that somebody else took is exchanged for a free one."""
    with EmbeddedBroker() as first:
        with monkeypatch.context() as patch:
            patch.setattr(broker_module, "free_ports", lambda *_: [first.port, *free_ports(HOST, 1)])
            second = EmbeddedBroker()
        assert second.port == first.port
        with second:
            assert second.port != first.port


@pytest.mark.usefixtures("broker")
def test_a_useless_aot_cache_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the JVM does not come up with the ahead-of-time cache, the broker starts without it, and forgets it."""
    forgotten: list[bool] = []
    command = Runtime.command

    def crash_with_cache(self: Runtime, *args: object) -> list[str]:
        return ["false"] if args[2:] else command(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Runtime, "command", crash_with_cache)
    monkeypatch.setattr(Runtime, "has_aot_cache", property(lambda _: not forgotten))
    monkeypatch.setattr(Runtime, "forget_aot_cache", lambda _: forgotten.append(True))
    with EmbeddedBroker() as broker:
        assert broker.alive
    assert forgotten == [True]


@pytest.mark.usefixtures("broker")
def test_first_use_makes_an_aot_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a JDK that can, the first use writes an ahead-of-time cache, and leaves nothing half done."""
    java = find_java()
    if not java.makes_aot_caches:
        pytest.skip("this Java makes no ahead-of-time caches")
    filled = home.open_home(java, print).directory
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fresh = home.cache_root() / filled.name
    shutil.copytree(filled, fresh, copy_function=os.link, ignore=shutil.ignore_patterns("*.aot"))
    said: list[str] = []
    assert runtime.open_runtime(said.append).has_aot_cache
    assert len(said) == 1
    assert not list(fresh.parent.glob("incomplete-*"))
    runtime.open_runtime(said.append)
    assert len(said) == 1
