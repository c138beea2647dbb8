# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shell completions list the verbs and options of passlockctl."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "client/passlockctl"
FILES = {"bash": ROOT / "completions/bash/passlockctl", "zsh": ROOT / "completions/zsh/_passlockctl"}
HIDDEN = {"--complete="}


def common_options():
    before = (SOURCES / "command-line/option.h").read_text().partition("N_COMMON_OPTIONS,")[0]
    return {options()[constant] for constant in re.findall(r"OPTION_\w+", before)} - HIDDEN


def options():
    """The options by their constants."""
    text = (SOURCES / "command-line/option.c").read_text()
    rows = re.findall(r'\[(OPTION_\w+)\] = \w+\(\s*"([a-z-]+)",([^)]*)\)', text)
    return {constant: f"--{name}" + "=" * (not re.search(r"_(TRUE|FALSE)\b", rest)) for constant, name, rest in rows}


def verbs():
    """The options by the verb."""
    text = (SOURCES / "command-line/verb.c").read_text()
    names = options()
    sets = {match[1]: re.findall(r"OPTION_BIT\((\w+)\)", match[2])
            for match in re.finditer(r"#define (\w+_OPTIONS) ((?:.*\\\n)*.*)\n", text)}
    found = {}
    for first, second, rest in re.findall(r'\{\{"([a-z-]+)", (?:NULL|"([a-z-]+)")\},(.*?)verb_\w+', text, re.DOTALL):
        bits = re.findall(r"OPTION_BIT\((\w+)\)", rest)
        for each in re.findall(r"\w+_OPTIONS", rest):
            bits += sets[each]
        found[" ".join(filter(None, [first, second]))] = {names[bit] for bit in bits}
    return found


def table(shell, name):
    """An associative array of the completion."""
    text = re.search(rf"\b{name}=\((.*?)\n\s*\)", FILES[shell].read_text(), re.DOTALL)[1]
    rows = re.findall(r"^ +(?:\[(.+)\]=|'(.+)' )'(.*)'$", text, re.MULTILINE)
    return {bash or zsh: set(words.split()) for bash, zsh, words in rows}


@pytest.mark.parametrize("shell", FILES)
def test_verbs(shell):
    known = verbs()
    assert len(known) > 20
    listed = table(shell, "verbs")
    assert listed.pop("top") == {verb.split()[0] for verb in known}
    assert listed == {first: {verb.split()[1] for verb in known if verb.startswith(f"{first} ")}
                      for first in {verb.split()[0] for verb in known if " " in verb}}


@pytest.mark.parametrize("shell", FILES)
def test_options(shell):
    assert len(options()) > 20
    assert table(shell, "verb_options") == {verb: names for verb, names in verbs().items() if names}
    (common,) = re.findall(r"common='(.*)'", FILES[shell].read_text())
    assert set(common.split()) == common_options()


def test_help_lists_all():
    text = (SOURCES / "command-line/help.c").read_text()
    for verb in verbs():
        assert re.search(rf'^ +"  {verb}\b', text, re.MULTILINE), verb
    for option in {*options().values()} - HIDDEN:
        assert re.search(rf'^ +".* {option}[ A-Z]', text, re.MULTILINE), option
