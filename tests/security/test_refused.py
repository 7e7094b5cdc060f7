"""What is not who it says it is gets no post, no count and no password that it may keep."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from typing import Any

import pytest

from workers.connection import redis_arguments
from workers.counters.redis import RedisStore
from workers.counters.store import CountersUnavailable
from workers.settings import Settings, load_settings

UNKNOWN_AUTHORITY = "unable to get local issuer certificate"
OTHER_NAME = "certificate is not valid for 'localhost'"
OTHER_LOGIN = "invalid credentials"


def kafka_cases(cluster: Any) -> dict[str, tuple[dict[str, str], str]]:
    """Settings by name, and what the log tells of them."""
    wrong = cluster.certificates.client("stranger")[0]
    uncertified = cluster.certified("worker")
    del uncertified["SLUICEGATE_KAFKA_CERT"], uncertified["SLUICEGATE_KAFKA_KEY"]
    return {
        "wrong password": (cluster.login("worker", SLUICEGATE_KAFKA_PASSWORD="pw-0p3n-s3s4m3"), OTHER_LOGIN),
        "unknown user": (cluster.login("worker", SLUICEGATE_KAFKA_USER=wrong.stem), OTHER_LOGIN),
        "certificate of another name": (cluster.login("worker", SLUICEGATE_KAFKA=cluster.misnamed), OTHER_NAME),
        "certificate of another authority": (
            cluster.login("worker", SLUICEGATE_KAFKA_CA=str(cluster.certificates.stranger)),
            UNKNOWN_AUTHORITY,
        ),
        "no client certificate": (uncertified, "closed"),
    }


KAFKA_CASES = (
    "wrong password",
    "unknown user",
    "certificate of another name",
    "certificate of another authority",
    "no client certificate",
)


@pytest.mark.kafka
@pytest.mark.parametrize("case", KAFKA_CASES)
def test_a_worker_ends_and_says_why_but_never_the_password(
    case: str, bare_cluster: Any, start_worker: Any, own_log: Any
) -> None:
    settings, why = kafka_cases(bare_cluster)[case]
    worker = start_worker(settings | {"SLUICEGATE_LOG_LEVEL": "debug"})
    assert worker.process.wait(40) != 0
    log = own_log(worker)
    assert re.search(f"Unable connect to .*{re.escape(why)}", log), log[-3_000:]
    for name, value in settings.items():
        if name.endswith("PASSWORD"):
            assert value not in log


@pytest.mark.kafka
@pytest.mark.parametrize("case", ["wrong password", "certificate of another name"])
def test_the_topics_command_says_in_a_line_that_it_has_no_connection(
    case: str, bare_cluster: Any, environment: dict[str, str]
) -> None:
    settings, _ = kafka_cases(bare_cluster)[case]
    command = [sys.executable, "-m", "workers", "topics", "check"]
    done = subprocess.run(command, env=environment | settings, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: no ")
    assert len(done.stderr.splitlines()) == 1
    assert settings.get("SLUICEGATE_KAFKA_PASSWORD", "no password") not in done.stderr


def settings_of(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of just these variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def ping(settings: Settings) -> None:
    """One call to the store that a worker would make of the settings."""

    async def once() -> None:
        store = RedisStore(settings.redis, timeout_seconds=5, **redis_arguments(settings))
        try:
            await store.ping()
        finally:
            await store.close()

    asyncio.run(once())


@pytest.fixture(params=["a server's own TLS", "a TLS front"])
def own_tls(request: pytest.FixtureRequest, tls_server: str | None) -> bool:
    own = request.param == "a server's own TLS"
    if own and tls_server is None:
        pytest.skip("no valkey-server or redis-server on the PATH; the one out of the wheel has no TLS")
    return own


@pytest.mark.usefixtures("no_settings")
class TestRedis:
    def test_tls_and_a_password_let_in(self, start_redis: Any, own_tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        ping(settings_of(start_redis(own_tls=own_tls).login(), monkeypatch))

    def test_a_wrong_password_is_refused_and_not_told(
        self, start_redis: Any, own_tls: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        login = start_redis(own_tls=own_tls).login(SLUICEGATE_REDIS_PASSWORD="pw-0p3n-s3s4m3")
        with pytest.raises(CountersUnavailable, match="invalid username-password pair") as caught:
            ping(settings_of(login, monkeypatch))
        assert "pw-0p3n-s3s4m3" not in repr(caught.value) + repr(caught.value.__cause__)

    def test_no_password_is_refused(self, start_redis: Any, own_tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        login = start_redis(own_tls=own_tls).login()
        del login["SLUICEGATE_REDIS_PASSWORD"]
        with pytest.raises(CountersUnavailable, match="AuthenticationError"):
            ping(settings_of(login, monkeypatch))

    def test_a_certificate_of_another_name_is_refused(
        self, start_redis: Any, own_tls: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        login = start_redis("elsewhere.example", own_tls).login()
        with pytest.raises(CountersUnavailable, match=OTHER_NAME):
            ping(settings_of(login, monkeypatch))

    def test_a_certificate_of_another_authority_is_refused(
        self, start_redis: Any, own_tls: bool, certificates: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        login = start_redis(own_tls=own_tls).login(SLUICEGATE_REDIS_CA=str(certificates.stranger))
        with pytest.raises(CountersUnavailable, match=UNKNOWN_AUTHORITY):
            ping(settings_of(login, monkeypatch))

    def test_a_certificate_that_only_the_system_s_authorities_could_vouch_for_is_refused(
        self, start_redis: Any, own_tls: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        login = start_redis(own_tls=own_tls).login()
        del login["SLUICEGATE_REDIS_CA"]
        with pytest.raises(CountersUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            ping(settings_of(login, monkeypatch))


@pytest.mark.kafka
@pytest.mark.parametrize("case", ["wrong password", "certificate of another name"])
def test_a_worker_goes_on_without_a_redis_that_is_not_who_it_says(
    case: str, cluster: Any, parties: Any, start_redis: Any, start_worker: Any, own_log: Any, posts: Any
) -> None:
    if case == "wrong password":
        login, why = start_redis().login(SLUICEGATE_REDIS_PASSWORD="pw-0p3n-s3s4m3"), "AuthenticationError"
    else:
        login, why = start_redis("elsewhere.example").login(), OTHER_NAME
    worker = start_worker(cluster.login("worker") | login)
    sent = posts(case.replace(" ", "-"))
    parties.send("platform", "posts", list(sent.values()))
    decisions = parties.read("platform", ("posts.allow", "posts.flag", "posts.block"), set(sent))
    assert all(decision["degraded"] for decision in decisions.values())
    log = own_log(worker)
    assert re.search(f"{re.escape(why)}.*counters unavailable", log)
    assert login["SLUICEGATE_REDIS_PASSWORD"] not in log


@pytest.mark.kafka
def test_a_worker_without_the_right_to_its_group_ends_with_a_line(cluster: Any, start_worker: Any) -> None:
    worker = start_worker(cluster.login("worker", SLUICEGATE_GROUP="other"))
    assert worker.process.wait(40) != 0
    assert "Kafka refuses the group 'other' to this login" in worker.last_lines()
