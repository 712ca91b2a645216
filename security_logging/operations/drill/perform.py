"""Perform a drill: all steps in their order, and in any case the cleaning up."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime, timezone

from security_logging.events.types import DRILL
from security_logging.logger import log_event
from security_logging.operations.drill.drill import Drill
from security_logging.operations.drill.results import (
    FAILED,
    NOT_REACHED,
    PASSED,
    SKIPPED,
    Evidence,
    NotRequested,
    Outcome,
    Result,
    Skipped,
    Stopped,
)
from security_logging.operations.drill.steps import CLEAN_UP, STEPS, Step


def perform(drill: Drill, mode: str) -> Outcome:
    """Perform all steps and return the results; each is also logged as an event `drill`."""
    started = datetime.now(timezone.utc)
    results: list[Result] = []
    try:
        for step in STEPS:
            results.append(_performed(step, drill))
            if step.vital and results[-1].state == FAILED:
                break
    finally:
        cleaned_up = _performed(CLEAN_UP, drill)
    results += [Result(step.name, step.title, NOT_REACHED) for step in STEPS[len(results) :]]
    return Outcome(
        drill_id=drill.plan.id,
        mode=f"{mode}, {drill.login_client.title}",
        started=started.isoformat(timespec="seconds"),
        addresses=drill.plan.addresses,
        results=[*results, cleaned_up],
        times=drill.times,
        targets=asdict(drill.plan.targets),
    )


def _performed(step: Step, drill: Drill) -> Result:
    began = time.monotonic()
    evidence: list[Evidence] = []
    state, reason, is_requested = PASSED, "", True
    try:
        evidence.extend(step.play(drill))
    except Skipped as skipped:
        state, reason, is_requested = SKIPPED, str(skipped), not isinstance(skipped, NotRequested)
    except Stopped as stopped:
        state, reason = FAILED, str(stopped)
    except Exception as problem:  # noqa: BLE001 (the report shows it, and the cleaning up still follows)
        state, reason = FAILED, f"{type(problem).__name__}: {problem}"
    if not all(item.ok for item in evidence):
        state = FAILED
    if step.name != "preflight" or state != FAILED:  # the preflight fails when the log would belong to root
        log_event(DRILL, drill_id=drill.plan.id, step=step.name, detail=f"DRILL {state} {reason}".strip())
    return Result(step.name, step.title, state, time.monotonic() - began, tuple(evidence), reason, is_requested)
