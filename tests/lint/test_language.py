#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The language rule of CONTRIBUTING.md, as far as a program can check it. Run as a script, it counts by folder."""

import collections
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Folders that follow the rule, all below them included. "." has the files at the top.
DONE = [".", ".ci", ".devcontainer", "base", "client", "completions", "daemon", "dbus", "debian", "doc", "examples",
        "keyholder", "sandbox", "scripts", "systemd", "tests"]

# A comment that begins like this does not name its subject.
RIDDLES = {"what", "who", "whom", "whose", "those", "that", "both", "such", "it", "he"}
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|" r'"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])+'", re.DOTALL)
PRONOUN = re.compile(r"\b(?:he|him|his|himself)\b", re.IGNORECASE)

# mdoc macros, D-Bus signatures and test data.
CODESPELL = ["codespell", "--ignore-words-list=aas,alle,fo,inflight,nd"]
UNWRITTEN = re.compile(r"LICENSE|.*package-lock\.json|.*\.(png|svg)|tests/data/.*|tests/fuzz/corpus/.*")

# Subjects before this file was added are history.
SUBJECT = re.compile(r"(?:[^\s:]+(?:, [^\s:]+)*: \S.*|Revert \".*)")
SUBJECT_COLUMNS = 72


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def tracked():
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard") or ""
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file() and not UNWRITTEN.fullmatch(name)]


def is_done(name):
    return any(name.startswith(f"{folder}/") or folder == "." and "/" not in name for folder in DONE)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def comments_and_strings(text):
    """Comments and strings of C sources, with their positions."""
    return [(match[0], match.start()) for match in COMMENT.finditer(text)]


def riddles(name, text):
    """Comments of C sources that begin with a word that names nothing."""
    if not name.endswith((".c", ".h")):
        return
    for comment, position in comments_and_strings(text):
        word = re.match(r"/[*/]<?[\s*]*([A-Za-z']+)", comment)
        if word and word[1].lower() in RIDDLES:
            yield line_of(text, position), comment.split("\n")[0]


def pronouns(name, text):
    """Of C sources, in comments and strings; of all other files, anywhere."""
    if name == "tests/lint/test_language.py":
        return
    if name.endswith((".c", ".h")):
        parts = comments_and_strings(text)
    else:
        parts = [(text, 0)]
    for part, position in parts:
        for match in PRONOUN.finditer(part):
            line = part[part.rfind("\n", 0, match.start()) + 1:].partition("\n")[0]
            yield line_of(text, position + match.start()), line.strip()


def findings(rule, wanted=lambda name: True):
    return [f"{name}:{line}: {found}" for name in tracked() if wanted(name)
            for line, found in rule(name, (ROOT / name).read_text())]


@pytest.mark.parametrize("rule", [riddles, pronouns])
def test_folders_that_are_done(rule):
    assert not findings(rule, is_done)


def test_folders_exist():
    assert [folder for folder in DONE if not (ROOT / folder).is_dir()] == []


def test_rules_find():
    source = '/* It waits. */\nint x; /* The loop. */\nputs("he // says"); // What of him\n/*\n * Both.\n */\n'
    assert [line for line, _ in riddles("a.c", source)] == [1, 3, 4]
    assert [line for line, _ in pronouns("a.c", source)] == [3, 3]
    assert [line for line, _ in pronouns("a.md", "The\nadministrator and his key")] == [2]
    assert [*riddles("a.md", "It")] == []


@pytest.mark.skipif(not shutil.which("codespell"), reason="codespell is not installed")
def test_spelling():
    done = subprocess.run([*CODESPELL, *tracked()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def commits():
    """Hash and subject of each commit since this file was added."""
    if git("rev-parse", "--is-shallow-repository") != "false\n":
        return None
    added = (git("log", "--diff-filter=A", "--format=%H", "--", "tests/lint/test_language.py") or "").split()
    if not added:
        return None
    listed = git("log", "--no-merges", "--format=%h %s", f"{added[-1]}..HEAD")
    return [tuple(line.split(" ", 1)) for line in listed.splitlines()]


def test_commit_subjects():
    listed = commits()
    if listed is None:
        pytest.skip("there is no history, or not all of it")
    assert [f"{commit} {subject}" for commit, subject in listed
            if len(subject) > SUBJECT_COLUMNS or not SUBJECT.fullmatch(subject)] == []


def folder_of(name):
    parts = name.split("/")[:-1]
    return "/".join(parts[:3 if parts[:1] == ["client"] else 2]) or "."


def main():
    counts = collections.defaultdict(lambda: [0, 0])
    for column, rule in enumerate((riddles, pronouns)):
        for finding in findings(rule):
            counts[folder_of(finding.partition(":")[0])][column] += 1
    print(f"{'riddles':>8} {'pronouns':>8}  folder")
    for folder, (begun, named) in sorted(counts.items()):
        print(f"{begun:8} {named:8}  {folder}{' (done)' if is_done(folder + '/x' if folder != '.' else 'x') else ''}")
    print(f"{sum(c[0] for c in counts.values()):8} {sum(c[1] for c in counts.values()):8}")


if __name__ == "__main__":
    main()
