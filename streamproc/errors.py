"""Every error streamproc raises, named by what whoever catches it must do.

    StreamprocError
    ├── UserError                 somebody must change something; nothing is retried
    │   ├── ConfigError           the configuration is wrong: mend the named line
    │   ├── ConditionError        a policy's condition is wrong: mend the marked column
    │   ├── ScheduleError         a cron expression or time zone is wrong
    │   ├── TopicError            topics are missing or laid out wrongly: create or mend them
    │   ├── SlotTaken             another live process holds this slot: stop it or take another
    │   ├── RetrainError          the user's retrain function or its result is wrong
    │   └── MissingExtra          an optional dependency is not installed
    ├── BadRecord                 this record cannot be used: dead-letter it, go on
    ├── BadState                  this saved state cannot be used: rebuild it from its log
    ├── BrokerUnavailable         nobody answers at the address: wait, try again
    ├── RegistryUnavailable       the model registry does not answer, or refuses: try again, then say so
    ├── MembershipLost            the consumer is unusable: a new one, in this process; restore
    ├── JournalTruncated          the log no longer reaches back far enough: stop and say so
    └── TransactionError          the open transaction did not go through
        ├── AbortNeeded           abort, drop the state, restore, go on
        │   └── StateDamaged      what the state was kept in is damaged and was thrown away: the same
        ├── ProducerLost          the producer is unusable: make a new one, restore
        └── OutcomeUnknown        committed or not? new producer, ask the broker, restore

Foreign errors are translated once, in the adapter that calls the foreign library, with `raise ... from`.
"""

from __future__ import annotations


class StreamprocError(Exception):
    """The root of all errors raised on purpose."""


class UserError(StreamprocError):
    """Somebody must change something. The message says what is wrong, where, and what to do."""


class ConfigError(UserError):
    """The configuration cannot be used."""


class ConditionError(UserError):
    """A condition cannot be compiled.

    `text` is the whole condition and `column` the 0-based place in it that is at fault.
    """

    def __init__(self, message: str, text: str = "", column: int = 0) -> None:
        self.message, self.text, self.column = message, text, column
        super().__init__(f"{message}\n    {text}\n    {' ' * column}^" if text else message)


class ScheduleError(UserError):
    """A cron expression or its time zone cannot be used."""


class TopicError(UserError):
    """Topics are missing, or their partitions do not fit together."""


class SlotTaken(UserError):
    """Another live process runs the same slot of the same stage."""


class RetrainError(UserError):
    """The user's retrain function, or what it returned, cannot be used."""


class MissingExtra(UserError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional part: pip install 'streamproc[{extra}]'")


class BadRecord(StreamprocError):
    """One record cannot be used; `code` is one of `streamproc.events.dead_letter.Reason`."""

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(f"{code}: {detail}")


class BadState(StreamprocError):
    """A saved state cannot be taken back: it is damaged, or was never one."""


class BrokerUnavailable(StreamprocError):
    """No Kafka broker answers; trying again later may help."""


class RegistryUnavailable(StreamprocError):
    """The model registry did not do what it was asked; trying again later may help."""


class MembershipLost(StreamprocError):
    """The group will not hear this consumer any more: a new one must join in its place."""


class JournalTruncated(StreamprocError):
    """A log has lost the records that a state must be rebuilt from."""


class TransactionError(StreamprocError):
    """The open transaction did not go through."""


class AbortNeeded(TransactionError):
    """The transaction must be aborted, and the state restored: fenced, or refused by the broker."""


class StateDamaged(AbortNeeded):
    """What was kept of the state on a disk cannot be used: it is restored from Kafka."""


class ProducerLost(TransactionError):
    """The producer can do no more: a new one, with the same transactional.id, must take over."""


class OutcomeUnknown(TransactionError):
    """A commit or abort timed out: only the broker knows what became of it."""
