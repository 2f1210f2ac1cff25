"""librdkafka's errors -> streamproc's: translated here, once."""

from __future__ import annotations

from typing import cast

from confluent_kafka import KafkaError, KafkaException

from streamproc.errors import (
    AbortNeeded,
    BrokerUnavailable,
    ConfigError,
    MembershipLost,
    OutcomeUnknown,
    ProducerLost,
    StreamprocError,
    TopicError,
    TransactionError,
    UserError,
)

UNAVAILABLE = frozenset(
    {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._TIMED_OUT}
)
_PASSING = UNAVAILABLE | {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.PREFERRED_LEADER_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
    KafkaError._WAIT_COORD,
    KafkaError._DESTROY,
    KafkaError._DESTROY_BROKER,  # the client has let go of a broker that is no more, with our question to it
    KafkaError._STATE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,  # also said of topics that were created a moment ago
    KafkaError._UNKNOWN_PARTITION,  # a topic has grown, and this client has not heard of it yet
}
"""What the same call will not meet again after a while: elections, moves, restarts."""
_FORBIDDEN = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
    }
)

_FENCED = KafkaError(KafkaError.FENCED_INSTANCE_ID).str()
"""A fenced consumer gets an event whose code says only that it is fatal; the reason is in its text."""


def kafka_error(exc: KafkaException) -> KafkaError:
    """The KafkaError inside of a KafkaException."""
    error = exc.args[0]
    return cast("KafkaError", error)


def of_transaction(exc: KafkaException) -> TransactionError | UserError:
    """What went wrong in a transactional call that will not be repeated; a UserError if repeating cannot help."""
    error = kafka_error(exc)
    trouble = of_code(error)
    if isinstance(trouble, MembershipLost):  # the consumer will hear of it too
        return AbortNeeded(str(error))
    trouble = trouble or _of_output(error)
    if trouble is not None:
        return trouble
    if error.fatal():
        return ProducerLost(str(error))
    if error.txn_requires_abort():
        return AbortNeeded(str(error))
    return OutcomeUnknown(str(error))


def of_client(exc: KafkaException, what: str) -> StreamprocError:
    """What went wrong in any other call."""
    error = kafka_error(exc)
    code = error.code()
    if code in _PASSING:
        return BrokerUnavailable(f"{what}: {_said(error)}")
    if code == KafkaError._INVALID_ARG:
        return ConfigError(f"kafka: {error.str()}")
    return of_code(error) or UserError(f"{what}: {_said(error)}")


def _said(error: KafkaError) -> str:
    """Its text; of answers that brokers give without one, as to questions about groups, the name of the code."""
    text = error.str().strip()
    return f"{text} {error.name()}".strip() if not text or text.endswith(":") else text


def _of_output(error: KafkaError) -> UserError | None:
    """Refusals of what is written that would be met again."""
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return UserError(
            f"a topic refuses a record of streamproc's for its size: {error.str()}\n  Set max.message.bytes of the "
            "pipeline's topics to at least 1 MiB."
        )
    if error.code() == KafkaError.INVALID_TIMESTAMP:
        return UserError(f"the broker refuses this host's time: {error.str()}\n  Set the clock of this host.")
    return None


def of_code(error: KafkaError) -> UserError | MembershipLost | None:
    """Errors that the same client will not get over; None for those that pass."""
    code = error.code()
    if code == KafkaError.FENCED_INSTANCE_ID or _FENCED in error.str():
        return MembershipLost(error.str())
    if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return TopicError(f"a topic is missing: {error.str()}\n  Make the topics with: streamproc topics create")
    if code in _FORBIDDEN:
        return UserError(f"Kafka refuses this: {error.str()}\n  Check the credentials and the ACLs.")
    if code == KafkaError._FATAL:
        return UserError(f"the Kafka client cannot go on: {error.str()}\n  Start this process anew.")
    return None
