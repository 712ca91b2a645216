"""
Attack the example site before your eyes.

Nothing outside a temporary directory is changed; the system's own nginx and Fail2ban are not touched.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from demonstration import fail2ban, nginx
from demonstration.interrupts import Interrupted, Interrupts
from demonstration.keep import keep_open
from demonstration.narrator import Narrator
from demonstration.report import Report, make_report
from demonstration.stage import Stage
from demonstration.steps import Result, perform
from demonstration.story import CLEAN_UP, STORY

EXAMPLES = """\
examples:
  python example_project/demo.py            the story, in less than a minute
  python example_project/demo.py --keep     and then the site for you to play with
  python example_project/demo.py --json     the summary as JSON; the story goes to standard error

Exit status: 0 when each step really happened, 1 when one did not, 2 when nginx or Fail2ban is missing, 130 when
interrupted. The environment variable NO_COLOR switches colours off, FORCE_COLOR on.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the story, clean up, and return the exit status."""
    options = _parse(arguments)
    narrator = Narrator(sys.stderr if options.json else sys.stdout)
    if not (nginx.program() and all(fail2ban.programs())):
        narrator.write("nginx and Fail2ban are needed: run `make demo`, or: sudo apt-get install nginx fail2ban")
        return 2
    interrupts = Interrupts()
    interrupts.install()
    report = _play(Stage(narrator, interrupts, with_doors=options.keep))
    report.tell(narrator)
    if options.json:
        print(report.as_json())
    return report.exit_status


def _play(stage: Stage) -> Report:
    """Play on the stage; whatever happens, the last thing is to clean up."""
    results: list[Result] = []
    interrupted = False
    try:
        try:
            _perform_story(stage, results)
        except Interrupted:
            interrupted = True
        finally:
            stage.interrupts.ignore()
    finally:  # again, because a signal may come while the lines above are at work
        cleaned_up = perform(CLEAN_UP, stage)
    results.extend(Result(step) for step in STORY[len(results) :])
    return make_report([*results, cleaned_up], stage, interrupted=interrupted)


def _perform_story(stage: Stage, results: list[Result]) -> None:
    """Perform step after step until one fails; then, if asked, leave the doors open."""
    for step in STORY:
        results.append(perform(step, stage))
        if not results[-1].ok:
            stage.show_diagnosis()
            return
    if stage.doors:
        keep_open(stage, stage.doors)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="demo.py",
        description=__doc__.partition("\n\n")[2].strip(),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--keep", action="store_true", help="leave the site running after the story, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="write the summary to standard output as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
