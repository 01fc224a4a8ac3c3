"""What others build on: the public names, the verbs and their flags.

A change here is a change for users. Make it on purpose: `KINECAST_UPDATE=1 pytest tests/arch`
rewrites interface.json, and the difference is part of the review (and of CHANGELOG.md).
"""

import json
import re

import verbs
from repository import ROOT, UPDATE

import kinecast
from kinecast.cli.main import main

SNAPSHOT = ROOT / "tests" / "arch" / "interface.json"


def test_names_verbs_and_flags_are_those_of_the_snapshot(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    interface = {
        "names": sorted(kinecast.__all__),
        "flags": {" ".join(verb): flags(verb, capsys) for verb in verbs.every()},
    }
    if UPDATE:
        SNAPSHOT.write_text(json.dumps(interface, indent=2) + "\n")
    assert interface == json.loads(SNAPSHOT.read_text())


def flags(verb, capsys):
    """The flags in the left column of a verb's help; those of its subcommands are theirs."""
    assert main([*verb, "--help"]) == 0
    return sorted(re.findall(r"^[│ ] (?:-h, )?(--[\w-]+)", capsys.readouterr().out, re.M))
