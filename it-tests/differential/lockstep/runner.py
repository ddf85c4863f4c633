"""Many scenarios, two at a time, and the report."""

import math
import os
import random
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from oracle import backing, mounts

from . import known, layers, minimiser, mutants
from .contest import Contest
from .scenario import Scenario, told

ROUND_SHARE = 0.25
_TRACE_TAIL = 25
_FEW = 15  # cases, by which nothing is said


@dataclass(frozen=True)
class Case:
    """What to run: a seed, or a recorded scenario."""

    seed: int | None = None
    trace: str | None = None

    def __str__(self):
        return f"seed {self.seed}" if self.trace is None else f"trace {Path(self.trace).name}"


@dataclass(frozen=True)
class Settings:
    """How to run it."""

    under: str
    length: int
    minimise: bool = False
    record: str | None = None
    mutant: str | None = None
    budget: int = 400


@dataclass
class Verdict:
    case: Case
    seconds: float
    report: str | None
    exercised: dict  # of all of its runs

    @property
    def passed(self):
        return self.report is None


class Worker:
    """Runs cases one after another on a backing store of its own."""

    def __init__(self, settings, scratch):
        self._settings = settings
        self._store = backing.BackingStore(os.path.join(scratch, str(os.getpid())))

    def judge(self, case):
        start = time.monotonic()
        self._exercised = Counter()
        scenario, difference = self._first_run(case)
        report = None if difference is None else self._report(case, scenario, difference)
        return Verdict(case, time.monotonic() - start, report, self._exercised)

    def _contest(self, scenario, **how):
        system = mounts.SYSTEMS[self._settings.under]()
        mutant = mutants.MUTANTS[self._settings.mutant]() if self._settings.mutant else None
        difference = Contest(scenario, system, self._store, mutant=mutant, **how).run()
        self._exercised.update(getattr(system, "exercised", {}))
        return difference

    def _first_run(self, case):
        if case.trace is not None:
            scenario = Scenario.from_json(Path(case.trace).read_text(encoding="ascii"))
            return scenario, self._contest(scenario)
        rng = random.Random(case.seed)
        alike = self._settings.under in known.PAGED
        scenario = layers.random_scenario(rng, case.seed, alike)
        favoured = layers.alike_files(scenario) if alike else ()
        length = self._settings.length
        return scenario, self._contest(scenario, rng=rng, lengths=(int(length * ROUND_SHARE), length), favoured=favoured)

    def _report(self, case, scenario, difference):
        lines = [f"FAILED {case} under {self._settings.under}: {difference}"]
        if self._settings.minimise:
            scenario, difference = self._minimised(scenario, difference)
            lines.append(f"minimised to {scenario.size()} operations: {difference}")
        lines += _trace(scenario, difference, whole=self._settings.minimise)
        if self._settings.record:
            Path(self._settings.record).write_text(scenario.to_json() + "\n", encoding="ascii")
            lines.append(f"recorded in {self._settings.record}")
        return "\n".join(lines)

    def _minimised(self, scenario, difference):
        last = {"difference": difference}

        def fails(candidate):
            found = self._contest(candidate)
            if found is None or found.signature != difference.signature:
                return False
            last["difference"] = found
            return True

        if not fails(scenario):
            return scenario, difference
        smallest = minimiser.minimise(scenario, fails, self._settings.budget)
        fails(smallest)
        return smallest, last["difference"]


def _trace(scenario, difference, whole):
    yield f"  options {scenario.options} system {scenario.system_options} upper {scenario.upper} on {scenario.upper_place}"
    for number, layer in enumerate(scenario.layers):
        yield f"  layer {number}: {layer.kind} on {layer.place} {layer.options or ''}"
        if whole or difference.part == f"layer {number}":
            yield from _listed(layer.operations, difference.index if difference.part == f"layer {number}" else None, whole)
    yield "  main:"
    yield from _listed(scenario.operations, difference.index if difference.part == "main" else None, whole)


def _listed(operations, failing, whole):
    start = 0 if whole else max(0, (len(operations) if failing is None else failing + 1) - _TRACE_TAIL)
    if start:
        yield f"    ... {start} operations before"
    for number, op in enumerate(operations[start:], start):
        yield f"  {'>' if number == failing else ' '} {number:3} {told(op)}"
        if number == failing:
            return


# One for each process of the pool, made in it: mounts and forked helpers cannot be handed over.
_worker = None


def _start_worker(settings, scratch):
    global _worker
    _worker = Worker(settings, scratch)


def _judge(case):
    return _worker.judge(case)


def judged(cases, settings, jobs, scratch, within=float("inf")):
    """The verdicts, as they come, of the cases that begin within so many seconds."""
    end = time.monotonic() + within
    with ProcessPoolExecutor(min(jobs, len(cases)), initializer=_start_worker, initargs=(settings, scratch)) as pool:
        try:
            futures = [pool.submit(_judge, case) for case in cases]
            for done in as_completed(futures):
                if time.monotonic() > end:
                    for future in futures:
                        future.cancel()
                if not done.cancelled():
                    yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def run(cases, settings, jobs, scratch, within=math.inf):
    """Judge all that begin within so many seconds; prints as they end. Returns (passed, failed). What was meant to happen in many runs,
    and did in none, is a failure."""
    passed = failed = 0
    exercised = Counter()
    started = time.monotonic()
    for verdict in judged(cases, settings, jobs, scratch, within):
        exercised.update(verdict.exercised)
        if verdict.passed:
            passed += 1
            print(f"ok {verdict.case} ({verdict.seconds:.1f} s)", flush=True)
        else:
            failed += 1
            print(verdict.report, flush=True)
    ended = passed + failed
    for name, count in exercised.items():
        print(f"{name}: {count}")
        if count == 0 and ended > _FEW:
            failed += 1
            print(f"FAILED: {ended} cases, and none of them has tried that")
    if ended < len(cases):
        print(f"{len(cases) - ended} of {len(cases)} cases were left out, since {within:.0f} s were over")
    print(f"under {settings.under}: {time.monotonic() - started:.0f} s")
    return passed, failed
