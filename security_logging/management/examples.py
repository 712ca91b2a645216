"""Commands with examples at the end of their help."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand


class CommandWithExamples(BaseCommand):
    """A command that runs without system checks, and shows its `examples` at the end of its help."""

    examples = ""
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Keep the line ends of the examples."""
        arguments = {"epilog": self.examples, "formatter_class": RawDescriptionHelpFormatter, **kwargs}
        return super().create_parser(prog_name, subcommand, **arguments)
