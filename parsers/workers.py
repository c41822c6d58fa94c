"""The processes in which mails are read: with limits, without a network, replaced after an overrun.

The process that submits never loads the parser library; it is imported by the workers alone. Each worker has a pool
of one process to itself, and one message at a time: so a death is always that of one known message, and one worker's
end disturbs no other. (In one pool of several, a process that dies while another is reading can take with it a message
that it had just fetched, and nobody is told.)
"""

import contextlib
import fcntl
import functools
import gc
import multiprocessing
import os
import pickle
import resource
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from datetime import datetime
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from domain.errors import CpuTimeExceeded, WallTimeExceeded, WorkerCrashed, WorkerError
from domain.message import PLAIN_TERMS, Disposition, Reading, Terms
from parsers.asking import Adviser, Door, Model, ask
from parsers.keys import FindKeys, Ways, read_with_keys
from parsers.providers import Directory

# A worker that does not start, or is stopped from outside, says nothing of the message that it was to read.
MOST_RESTARTS = 3
GUARD_SECONDS = 1.0

# What no mail of a carrier needs, by our own and by 20,000 mutated ones; a slower one has more in the next attempt.
HURRIED_CPU_SECONDS = 1

_OUT_OF_MEMORY = 71
_STOPPED_FROM_OUTSIDE = (signal.SIGTERM, -signal.SIGTERM)
# What a worker is left of the environment: what Python, the C library and OpenSSL ask for. The rest may be secrets.
_KEPT = ("LANG", "LC_", "LD_", "PATH", "PYTHON", "SSL_CERT_")
_ENVIRONMENT = {"TZ": "UTC", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_FORBIDDEN = frozenset(
    {
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.getnameinfo",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "os.chmod",
        "os.chown",
        "os.kill",
        "os.killpg",
        "os.link",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.symlink",
        "os.truncate",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one message may cost, and after how many a worker is replaced to give back what it has gathered.

    ``model`` is what a worker may ask over the network: with None it has no network at all.
    """

    cpu_seconds: int = 5
    wall_seconds: float = 30
    memory_mib: int = 1536
    messages: int = 2000
    model: Model | None = None


class WorkerPool:
    """The workers. They start at the first message, and again after they were stopped. Safe to use from threads."""

    def __init__(self, count: int, limits: Limits, directory: Directory, *, find_keys: FindKeys | None = None) -> None:
        self.count = count
        self._limits = limits
        self.find_keys = find_keys
        self._directory = pickle.dumps(directory)
        self._lock = threading.RLock()
        self._waiting: deque[_Task] = deque()
        self._workers = [_Worker() for _ in range(count)]
        self._used_at = time.monotonic()

    def use(self, directory: Directory) -> None:
        """Read by this directory what is submitted from now on."""
        self._directory = pickle.dumps(directory)

    def submit(
        self,
        raw: bytes,
        received_at: datetime,
        terms: Terms = PLAIN_TERMS,
        *,
        copies: Sequence[tuple[bytes, Terms]] = (),
        hurried: bool = False,
    ) -> Future[Reading]:
        """Have a message read on the given terms; ``hurried``: in little CPU time, so that others wait less for it.

        ``copies`` of it, each on terms of its own, are read where it is not applied: the first that is counts.
        The future raises ``WorkerCrashed``, ``CpuTimeExceeded`` or ``WallTimeExceeded``. It can be cancelled until
        the message is handed to a worker. Where the pool was told how to find keys, the reading is by those it wants.
        """
        limits = self._limits
        if hurried:
            limits = replace(limits, cpu_seconds=min(limits.cpu_seconds, HURRIED_CPU_SECONDS))
        submit = functools.partial(self._submit, received_at=received_at, limits=limits)
        ways = ((raw, terms), *copies)
        return read_with_keys(submit, ways, self.find_keys) if self.find_keys else submit(ways)

    def _submit(self, ways: Ways, *, received_at: datetime, limits: Limits) -> Future[Reading]:
        task = _Task(limits=limits, arguments=(ways, received_at, self._directory))
        with self._lock:
            self._used_at = time.monotonic()
            self._waiting.append(task)
        self._hand_out()
        return task.future

    def start_one(self) -> None:
        """Have one worker started, if none is there: a message need not wait then for the seconds which that takes."""
        with self._lock:
            first = self._workers[0]
            if first.task is not None or (first.pool and first.pool.active):
                return
            self._throw_away(first)
            first.pool = self._started()
            with _interrupts_left_to_us(), contextlib.suppress(RuntimeError):
                first.pool.schedule(_be_there, timeout=self._limits.wall_seconds)

    def stop_if_idle(self, seconds: float = 60.0, *, keep: int = 0) -> bool:
        """Stop all workers but ``keep`` of them if they have had nothing to do for so long; say whether any was."""
        with self._lock:
            busy = self._waiting or any(worker.task for worker in self._workers)
            if busy or time.monotonic() - self._used_at < seconds:
                return False
            pools = self._released(keep)
        _end(pools)
        return bool(pools)

    def stop(self) -> None:
        """Stop the workers at once. What waits is cancelled; what is being read raises ``WallTimeExceeded``."""
        with self._lock:
            waiting, running = list(self._waiting), [worker.task for worker in self._workers if worker.task]
            self._waiting.clear()
            pools = self._released()
        _end(pools)
        for task in waiting:
            task.future.cancel()
        for task in running:
            task.fail(WallTimeExceeded("the workers were stopped"))

    def _released(self, keep: int = 0) -> list[ProcessPool]:
        """Take the processes from all workers but the first ``keep``; what they are at is no longer theirs."""
        kept, released = self._workers[:keep], self._workers[keep:]
        pools = [worker.pool for worker in released if worker.pool]
        for worker in released:
            # A pool that is ended says that it broke, and must not be ended a second time at once.
            worker.pool = worker.task = None
        self._workers = kept + [_Worker() for _ in released]
        return pools

    def _hand_out(self) -> None:
        """Hand waiting messages to the workers that have none."""
        with self._lock:
            for worker in self._workers:
                while self._waiting and worker.task is None:
                    task = self._waiting.popleft()
                    if task.begin():
                        self._give(worker, task)

    def _give(self, worker: "_Worker", task: "_Task") -> None:
        worker.task = task
        if worker.pool is None:
            worker.pool = self._started()
        try:
            with _interrupts_left_to_us():
                answer = worker.pool.schedule(
                    _read, args=(task.limits, *task.arguments), timeout=task.limits.wall_seconds
                )
        except RuntimeError:
            self._again(worker, task, broken=True)
            return
        answer.add_done_callback(functools.partial(self._answered, worker, task))

    def _started(self) -> ProcessPool:
        if not any(worker.pool for worker in self._workers):
            threading.Thread(target=self._guard, daemon=True, name="guard of the workers").start()
        return ProcessPool(
            max_workers=1,
            max_tasks=self._limits.messages,
            initializer=_prepare,
            initargs=(self._limits,),
            context=multiprocessing.get_context("spawn"),
        )

    def _answered(self, worker: "_Worker", task: "_Task", answer: "ProcessFuture[Reading | _Failure]") -> None:
        """Pass on what became of a message; called in a thread of the worker's pool."""
        try:
            outcome = answer.result()
        except TimeoutError:
            error = WallTimeExceeded(f"a worker took more than {self._limits.wall_seconds:g} seconds")
            self._finish(worker, task, error)
        except ProcessExpired as death:
            if death.exitcode in _STOPPED_FROM_OUTSIDE:
                self._again(worker, task, broken=False)
            else:
                self._finish(worker, task, _cause_of(death.exitcode, task.limits))
        except BrokenProcessPool:
            self._again(worker, task, broken=True)
        else:
            self._finish(worker, task, outcome)

    def _finish(self, worker: "_Worker", task: "_Task", outcome: "Reading | _Failure | WorkerError") -> None:
        with self._lock:
            if worker.task is not task:
                return
            worker.task = None
            self._used_at = time.monotonic()
        self._hand_out()
        task.settle(outcome)

    def _again(self, worker: "_Worker", task: "_Task", *, broken: bool) -> None:
        """Put a message back in front of the queue: that its worker ended, or never began, is not its doing."""
        with self._lock:
            if worker.task is not task:
                return
            worker.task = None
            if broken:
                self._throw_away(worker)
            task.restarts += 1
            if task.restarts <= MOST_RESTARTS:
                self._waiting.appendleft(task)
        if task.restarts > MOST_RESTARTS:
            task.fail(WallTimeExceeded("the workers do not start: see what they write to standard error"))
        self._hand_out()

    def _throw_away(self, worker: "_Worker") -> None:
        """Take a broken pool from a worker. This may be a thread of the pool, which cannot wait for its own end."""
        if worker.pool:
            threading.Thread(target=_end, args=([worker.pool],), daemon=True).start()
            worker.pool = None

    def _guard(self) -> None:
        """Find the pools that broke in the moment in which a message was handed to them: they tell nobody."""
        while True:
            time.sleep(GUARD_SECONDS)
            with self._lock:
                if not any(worker.pool for worker in self._workers):
                    return
                for worker in self._workers:
                    if worker.pool and worker.task and not worker.pool.active:
                        self._again(worker, worker.task, broken=True)


@dataclass(slots=True, eq=False)
class _Task:
    """A message to read, and the future of whoever waits for it."""

    limits: Limits
    arguments: tuple[Ways, datetime, bytes]
    future: Future[Reading] = field(default_factory=Future)
    restarts: int = 0

    def begin(self) -> bool:
        """Say whether the message is still wanted; from now on it cannot be cancelled."""
        return self.restarts > 0 or self.future.set_running_or_notify_cancel()

    def settle(self, outcome: "Reading | _Failure | WorkerError") -> None:
        """Give the answer to whoever waits."""
        if isinstance(outcome, Reading):
            with contextlib.suppress(InvalidStateError):
                self.future.set_result(outcome)
        else:
            self.fail(outcome if isinstance(outcome, WorkerError) else WorkerCrashed(f"a worker raised {outcome.text}"))

    def fail(self, error: WorkerError) -> None:
        """Tell whoever waits that there is no answer; the first answer stands."""
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(error)


@dataclass(slots=True, eq=False)
class _Worker:
    """A worker: its process, where it was started, and the message that it is at."""

    pool: ProcessPool | None = None
    task: _Task | None = None


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a worker raised, in words: the exception itself might need the library to be understood."""

    text: str


def _cause_of(exit_code: int, limits: Limits) -> WorkerCrashed | CpuTimeExceeded:
    if exit_code == -signal.SIGXCPU:
        return CpuTimeExceeded(f"a worker used more than {limits.cpu_seconds} seconds of CPU time")
    if exit_code == _OUT_OF_MEMORY:
        return WorkerCrashed(f"a worker ran out of its {limits.memory_mib} MiB of memory")
    if exit_code < 0:
        return WorkerCrashed(f"a worker was ended by {_name_of(-exit_code)}")
    return WorkerCrashed(f"a worker ended with status {exit_code}")


@contextlib.contextmanager
def _interrupts_left_to_us() -> Iterator[None]:
    """Let the threads of a pool, and so its processes, never hear of Ctrl-C, which a terminal sends to all of them.

    A worker that ignores it by itself would still be interrupted while it starts.
    """
    # This process of the standard library's would unblock the signal in the thread that starts it.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(pools: list[ProcessPool]) -> None:
    for pool in pools:
        pool.stop()  # type: ignore[no-untyped-call]
    for pool in pools:
        pool.join()


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# In the worker


def _prepare(limits: Limits) -> None:
    """Load what reads mails, and then close the door: no network, no child, no file, so much memory."""
    _end_with_parent()
    _forget_environment()
    os.environ.update(_ENVIRONMENT)
    time.tzset()
    # 0.9 s and 67 MiB: only workers pay them.
    import parsers.reading  # noqa: F401, PLC0415

    gc.collect()
    gc.freeze()
    # From here on nothing is written, also no compiled module; a first start after an installation may do that.
    sys.dont_write_bytecode = True
    _lower(resource.RLIMIT_AS, limits.memory_mib * 1024 * 1024)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)
    sys.addaudithook(functools.partial(_refuse_forbidden, _door_to(limits.model)))


def _be_there() -> None:
    """Do nothing: by then the process has started, and has loaded what reads mails."""


def _forget_environment() -> None:
    """Take out of the environment what this process does not need, and out of what /proc shows of its start as well."""
    for name in [name for name in os.environ if not name.startswith(_KEPT)]:
        del os.environ[name]
    # No such file, or none that may be written: then that stays.
    with contextlib.suppress(OSError):
        # Behind the name, which may hold anything. Source: proc_pid_stat(5), env_start and env_end.
        figures = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        start, end = int(figures[47]), int(figures[48])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            kept = tuple(name.encode() for name in _KEPT)
            memory.seek(start)
            given = memory.read(end - start).split(b"\0")
            memory.seek(start)
            memory.write(b"\0".join(one if one.startswith(kept) else bytes(len(one)) for one in given))


def _end_with_parent() -> None:
    """Let the kernel end this process as soon as the one that started it is gone, also in the middle of a message.

    No thread of ours could do that: an expression of the library keeps the interpreter to itself for as long as it
    takes. PR_SET_PDEATHSIG would end us with the thread that started us, which need not be the whole process.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    # The other end of this pipe is closed when the parent ends, and nothing is ever written to it: SIGIO, which ends
    # a process, can mean nothing else.
    flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
    fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
    if not parent.is_alive():
        os._exit(0)


def _refuse_forbidden(door: Door | None, event: str, arguments: tuple[Any, ...]) -> None:
    if event in _FORBIDDEN and not (door and door.lets(event, arguments)):
        raise PermissionError(f"a worker may not {event}")


def _lower(limit: int, value: int) -> None:
    """Lower a limit for good; one that is lower already stays."""
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))


def _read(limits: Limits, ways: Ways, received_at: datetime, directory: bytes) -> Reading | _Failure:
    """Read one message, and take the time."""
    begun = time.perf_counter()
    outcome = _read_within(limits, ways, received_at, directory)
    return replace(outcome, seconds=time.perf_counter() - begun) if isinstance(outcome, Reading) else outcome


def _read_within(limits: Limits, ways: Ways, received_at: datetime, directory: bytes) -> Reading | _Failure:
    """Read one message within its CPU time. A worker that runs out of memory ends, and gives it all back."""
    from parsers.maintenance import load_what_is_read  # noqa: PLC0415, loaded by _prepare
    from parsers.reading import read_message  # noqa: PLC0415, loaded by _prepare

    adviser = None
    if limits.model and (door := _door_to(limits.model)):
        adviser = Adviser(name=limits.model.name, ask=functools.partial(ask, door), providers=limits.model.providers)
    try:
        load_what_is_read(ways[0][0])
        if any(terms.verify_dkim or terms.trusted_arc_sealers for _, terms in ways):
            # 0.3 s: only workers pay them whose mailboxes ask for it, and no mail does.
            import parsers.signatures  # noqa: F401, PLC0415
        _limit_cpu_time(limits.cpu_seconds)
        known = _directory_of(directory)
        readings = []
        for raw, terms in ways:
            reading = read_message(raw, received_at=received_at, directory=known, terms=terms, adviser=adviser)
            if reading.disposition is Disposition.APPLIED:
                return reading
            readings.append(reading)
        # With a key that any of them wants, that one may be applied.
        return replace(readings[0], wanted=tuple(sorted({name for one in readings for name in one.wanted})))
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001, the boundary of an item: whatever it is, it is this message's
        return _Failure(f"{type(error).__name__}: {error}"[:300])
    finally:
        _limit_cpu_time(None)


def _limit_cpu_time(seconds: int | None) -> None:
    """Let the kernel end this process when it has used so much more CPU time; None: never."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = hard
    if seconds is not None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


@functools.lru_cache(maxsize=1)
def _door_to(model: Model | None) -> Door | None:
    """Return the way to the model that this process may ask; always the same one, for that is what is let through."""
    return Door(model) if model else None


@functools.lru_cache(maxsize=1)
def _directory_of(pickled: bytes) -> Directory:
    directory = pickle.loads(pickled)  # noqa: S301, it comes from the process that started this one
    assert isinstance(directory, Directory)
    return directory
