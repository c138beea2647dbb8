# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/release, in a new repository with the files of this one."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))}


def run(*command, cwd, **keywords):
    return subprocess.run(command, cwd=cwd, env=os.environ | IDENTITY, capture_output=True, text=True, check=False,
                          **keywords)


def git(repository, *arguments):
    done = run("git", *arguments, cwd=repository)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(name="repository")
def fixture_repository(tmp_path):
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).stdout
    files = "".join(f"{name}\0" for name in listed.split("\0") if name and (ROOT / name).exists())
    repository = tmp_path / "passlockd"
    repository.mkdir()
    archive = subprocess.run(["tar", "-c", "--null", "--files-from=-"], cwd=ROOT, input=files.encode(), check=True,
                             stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-xC", repository], input=archive, check=True)
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "import")
    return repository


def news(repository, version):
    path = repository / "NEWS.md"
    path.write_text(path.read_text().replace("# News\n", f"# News\n\n## {version} (unreleased)\n\n* A change.\n", 1))
    git(repository, "commit", "--quiet", "--all", "--message", "doc: news")


def release(repository, *arguments):
    return run(repository / "scripts/release", *arguments, cwd=repository)


def test_dry_run(repository):
    news(repository, "7.1.0")
    before = git(repository, "log", "--all", "--format=%H"), git(repository, "status", "--porcelain", "--ignored")
    done = release(repository, "--dry-run", "7.1.0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped in a dry run: ./scripts/check" in done.stdout
    assert "skipped in a dry run: update_abi" in done.stdout
    assert "commit: release: 7.1.0" in done.stdout
    assert "+        version : '7.1.0'," in done.stdout
    assert done.stdout.count('+  "version": "7.1.0",') == 2
    assert '+version = "7.1.0"' in done.stdout
    assert re.search(r"^\+passlockd \(7\.1\.0\) \w+; urgency=medium$", done.stdout, re.MULTILINE)
    assert re.search(r"^\+## 7\.1\.0 \(\d{4}-\d\d-\d\d\)$", done.stdout, re.MULTILINE)
    assert len(re.findall(r"^diff --git ", done.stdout, re.MULTILINE)) == 6
    assert re.search(r"^[0-9a-f]{64}  passlockd-7\.1\.0\.tar\.xz$", done.stdout, re.MULTILINE)
    after = git(repository, "log", "--all", "--format=%H"), git(repository, "status", "--porcelain", "--ignored")
    assert after == before and not git(repository, "tag")


@pytest.mark.parametrize("version, reason", [
    ("1.0", "is not a version"), ("0.0.1", "is older than"), ("7.2.0", "NEWS.md has no section"),
    ("7.1.0", "the tag v7.1.0 exists")])
def test_refusal(repository, version, reason):
    git(repository, "tag", "v7.1.0")
    done = release(repository, "--dry-run", version)
    assert done.returncode == 1
    assert reason in done.stderr


def test_tree_with_changes_is_refused(repository):
    (repository / "new").write_text("")
    done = release(repository, "--dry-run", "7.1.0")
    assert done.returncode == 1
    assert "the tree has changes" in done.stderr


def test_contributing_lists_the_steps():
    """CONTRIBUTING.md lists the steps of scripts/release, in their order."""
    steps = re.findall(r"^\d\. (.*)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    script = (ROOT / "scripts/release").read_text()
    main = script[script.rindex("check_preconditions\n"):]
    places = [main.index(word) for word in ("check_preconditions", "./scripts/check", "set_version", "update_abi",
                                            "git commit", "make_tarball")]
    assert len(steps) == len(places)
    assert places == sorted(places)
