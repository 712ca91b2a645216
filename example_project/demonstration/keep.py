"""After the story: leave the site running, and say how to play with it."""

from __future__ import annotations

import shlex
import time
from string import Template

from demonstration.cast import ATTACKER, VISITOR
from demonstration.interrupts import Interrupted
from demonstration.nginx import CLIENT_HEADER, Doors
from demonstration.place import LOOPBACK
from demonstration.processes import CommandError
from demonstration.stage import POLL_SECONDS, Stage

_TEXT = Template("""\
  In a browser     as the visitor $visitor    http://localhost:$visitor_port/
                   as the attacker $attacker    http://$loopback:$attacker_port/admin/
  Accounts         $people
  As anybody       curl -H '$header: 192.0.2.7' http://$loopback:$any_port/
  Get banned       for i in 1 2 3 4 5 6; do curl -u root:guess$$i -H '$header: 192.0.2.7' \\
                       http://$loopback:$any_port/api/profile/; echo; done
  Who is banned    $client status django-auth
  Lift a ban       $client unban 192.0.2.7
  nginx's list     cat $deny_file
  The log          tail -f $log

  New log lines appear below. Ctrl-C ends and cleans up.
""")


def keep_open(stage: Stage, doors: Doors) -> None:
    """Show the log until an interrupt; raises CommandError if a server ends by itself."""
    stage.narrator.title("The site stays open")
    stage.narrator.write(_TEXT.substitute(vars(doors), **_words(stage)))
    try:
        while True:
            stage.show_log()
            _check(stage)
            time.sleep(POLL_SECONDS)
    except Interrupted:
        stage.interrupts.ignore()


def _check(stage: Stage) -> None:
    for server in stage.servers:
        if not server.is_alive():
            raise CommandError(f"{server.name} has ended by itself.")


def _words(stage: Stage) -> dict[str, object]:
    people = [f"{person.username} / {person.password}" for person in stage.cast.people]
    return {
        "visitor": VISITOR,
        "attacker": ATTACKER,
        "loopback": LOOPBACK,
        "header": CLIENT_HEADER,
        "people": ", ".join(people),
        "client": shlex.join(["fail2ban-client", *stage.fail2ban.words]),
        "deny_file": stage.nginx.deny_file,
        "log": stage.site.log,
    }
