"""The retrain stage: reads triggers, has the user's function run, writes what became of it.

A trigger's life, each arrow a record in the deploys topic:

    open --started--> running --deployed | rejected | failed--> finished
     |^                  |                                         ^
     |+--attempt_failed--+                                         |
     |+----given_back----+                                         |
     |+------waiting-----+                                         |
     +-------------superseded | failed | rejected -----------------+

The state is a fold of the two topics (`fold`), and everything is done in `wake`, against that state:

    | in the log                   | in the pool         | wake                                                       |
    |------------------------------|---------------------|------------------------------------------------------------|
    | open, no run has begun, or it| nothing             | with a newer trigger of its model: says `superseded` and   |
    | waits for rows               |                     | that one's id; the newer one's events name this one        |
    | open, or its attempt over    | nothing             | says `started`, once its time has come and it is its turn  |
    | `started` as announced       | nothing             | starts the job                                             |
    | `started` by another         | nothing             | that run was cut off: says `started` with the next attempt |
    | `started`                    | job goes on         | nothing                                                    |
    | `started`                    | job has ended       | says how                                                   |
    | a final event, or its own end| job, whatever it is | lets go of the job                                         |

A job starts only when its `started` is in the log, so no two runs ever have the same attempt, version or directory.
What has been said and is not read back yet is all that a task keeps beside the fold. If its transaction is aborted the
task is dropped, and the next one finds in the log whatever was committed, and says the rest again.

A trigger that fails for good is a dead letter too, in the same transaction as its final event.
"""

from __future__ import annotations

from collections.abc import Mapping

from streamproc.config.pipeline import Config
from streamproc.retrain.fold import OpenTrigger
from streamproc.retrain.jobs import Directories, Executor, Pool
from streamproc.retrain.queue import budgets
from streamproc.retrain.registry import Follower, NoRegistry
from streamproc.retrain.task import RetrainTask
from streamproc.stage import Task

STOP_SECONDS = 7.0
"""How long a stop waits for jobs to end: they get 5 seconds between SIGTERM and SIGKILL."""
FINISH_MS = 60_000
"""How much longer than its time limit a job may take a stop that waits for it: until its end is in the log."""


class RetrainStage:
    """One task per partition number of triggers and deploys, both keyed by model_id; one pool of jobs."""

    name = "retrain"
    snapshots = None

    def __init__(
        self,
        config: Config,
        partitions: int,
        executor: Executor,
        directories: Directories,
        *,
        registry: Follower | None = None,
    ) -> None:
        """Call `close` when the engine has returned. Raises ConfigError."""
        self.config, self._partitions = config, partitions
        self._budgets = budgets(config, partitions)
        self.inputs = self.folded = (config.topics.triggers, config.topics.deploys)
        self.pool, self.registry = Pool(executor, directories), registry or NoRegistry()
        self.stopping = False
        self._stop_by: int | None = None
        self._tasks: dict[int, RetrainTask] = {}

    def task(self, partition: int) -> Task:
        """A task with empty state."""
        share = self._budgets.get(partition)
        self._tasks[partition] = task = RetrainTask(self, partition, self._partitions, share)
        return task

    def closed(self, partition: int) -> None:
        """A task has gone; its jobs go on for a while, in case it comes back."""
        task = self._tasks.pop(partition, None)
        if task is not None:
            self.registry.forget(task.state.champions)

    def tend(self, now: int) -> None:
        """Look after the jobs of all tasks; `now` in epoch ms."""
        self.pool.tend(now, self._is_open, self._is_finished)

    def may_stop(self, now: int, *, at_once: bool = False) -> bool:
        """Whether the engine may stop now that it was told to; ask until it may, and let the engine go on meanwhile.

        From the first call on no job is started. Those that run are given back, or finished if `worker.on_stop` says
        so and it need not be `at_once`; what became of them is in the log when this is true, unless it took too long.
        """
        give_back = at_once or self.config.worker.on_stop == "give_back"
        stop_by = now + (int(STOP_SECONDS * 1000) if give_back else self.pool.time_limit + FINISH_MS)
        self._stop_by = stop_by if self._stop_by is None else min(stop_by, self._stop_by)
        self.stopping = True
        if give_back:
            self.pool.give_back()
        self.tend(now)
        is_idle = self.pool.is_empty and not any(task.waits_for_the_log for task in self._tasks.values())
        return is_idle or now >= self._stop_by

    def next(self, now: int) -> OpenTrigger | None:
        """What a job may be started for now, if there is room for one: what goes first in all tasks."""
        tasks = self._tasks.values()
        if self.stopping or self.pool.running + sum(task.starting for task in tasks) >= self.config.worker.max_jobs:
            return None
        awake = [task for task in tasks if task.is_awake(now)]
        firsts = [(task.queue.rank(first), first) for task in awake if (first := task.first_waiting(now)) is not None]
        return min(firsts, key=lambda pair: pair[0])[1] if firsts else None

    def gauges(self) -> Mapping[str, float]:
        """Sizes over all tasks."""
        tasks = list(self._tasks.values())
        return {
            "retrain_open": sum(len(task.state.open) for task in tasks),
            "retrain_running": self.pool.running,
            "retrain_held": sum(task.held for task in tasks),
            "retrain_finished": sum(len(task.state.finished) for task in tasks),
            "retrain_misplaced_deploys": sum(task.misplaced for task in tasks),
            "retrain_registry_behind": self.registry.behind,
        }

    def close(self) -> None:
        """End all jobs, at once or within seconds. Their triggers stay open: the next worker runs them again."""
        self.pool.close(STOP_SECONDS)
        self.registry.close(STOP_SECONDS)

    def _is_open(self, trigger_id: str) -> bool:
        return any(trigger_id in task.state.open for task in self._tasks.values())

    def _is_finished(self, trigger_id: str) -> bool:
        return any(trigger_id in task.state.finished for task in self._tasks.values())
