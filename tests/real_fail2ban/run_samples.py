"""
Run samples/NAME against a filter of ours with Fail2ban's own sample harness.

    /usr/bin/python3 run_samples.py CONFIG_DIRECTORY LOGS_DIRECTORY NAME...

CONFIG_DIRECTORY holds filter.d/NAME.conf, LOGS_DIRECTORY is called "logs" and holds NAME. The harness is part of the
distribution's package and looks for samples only inside it, so its module attribute is set to our directory.
Runs with the system's Python, from 3.8 on, and without anything of this project.
"""

from __future__ import annotations

import sys
import unittest
from pathlib import Path


def suite(config: str, logs: str, names: list[str]) -> unittest.TestSuite:
    """Build the suite: one test for each filter name."""
    from fail2ban.tests import utils  # type: ignore[import-not-found] # the system's Python has it

    options = utils.initProcess(utils.DefaultTestOptions())
    options.fast = options.no_network = options.no_gamin = True
    utils.initTests(options)
    from fail2ban.tests import samplestestcase as harness

    harness.TEST_FILES_DIR = str(Path(logs).resolve().parent)

    class Samples(harness.FilterSamplesRegex):  # type: ignore[misc] # untyped
        """The stock harness without its stock tests."""

    for name in dir(Samples):
        if name.startswith("test"):
            setattr(Samples, name, None)
    for name in names:
        setattr(Samples, "test" + name, harness.testSampleRegexsFactory(name, config))
    return unittest.TestSuite(Samples("test" + name) for name in names)


if __name__ == "__main__":
    result = unittest.TextTestRunner(verbosity=2).run(suite(sys.argv[1], sys.argv[2], sys.argv[3:]))
    sys.exit(not (result.wasSuccessful() and result.testsRun == len(sys.argv[3:])))
