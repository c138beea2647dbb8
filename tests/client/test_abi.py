# SPDX-License-Identifier: LGPL-2.1-or-later
"""libpasslock is compatible with its last release: CONTRIBUTING.md has the policy."""

import re
import subprocess

from tests.harness.build import build_dir, source_dir

ABI = "client/libpasslock/libpasslock.abi"

# Released, from 1 up. Integers in the ABI, so abidiff does not see them.
ERRORS = """
INVALID_CODE INVALID_TOKEN USER_MISMATCH LINK_CONFLICT NOT_FOUND BAD_REQUEST RATE_LIMITED API_DENIED UNREACHABLE
MALFORMED_REPLY NOT_CONFIGURED STORE_FULL STORE_FAILED INVALID_CHALLENGE INVALID_CHALLENGE_CODE CHALLENGE_EXPIRED
CHALLENGE_ATTEMPTS_EXCEEDED ACCESS_DENIED INVALID_ARGS LIMITS_EXCEEDED UNKNOWN_OBJECT INTERRUPTED
""".split()


def abi(command, root=None):
    root = root or source_dir()
    return subprocess.run([root / "scripts/abi", command, build_dir()], capture_output=True, text=True, check=False)


def edited(directory, pattern, replacement):
    """A copy of the source tree with a changed ABI of the last release."""
    (directory / "scripts").mkdir()
    (directory / "client/libpasslock").mkdir(parents=True)
    for name in "scripts/abi", "client/libpasslock/passlock.h":
        (directory / name).write_bytes((source_dir() / name).read_bytes())
    (directory / "scripts/abi").chmod(0o755)
    text, count = re.subn(pattern, replacement, (source_dir() / ABI).read_text(), flags=re.DOTALL)
    assert count, pattern
    (directory / ABI).write_text(text)
    return directory


def test_abi_is_that_of_the_last_release():
    done = abi("check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_error_numbers():
    header = (source_dir() / "client/libpasslock/passlock.h").read_text()
    numbers = dict(re.findall(r"^ +PASSLOCK_ERROR_(\w+) = (\d+)", header, re.MULTILINE))
    assert {name: numbers.get(name) for name in ERRORS} == {name: str(i) for i, name in enumerate(ERRORS, 1)}
    assert len(set(numbers.values())) == len(numbers)


def test_addition_is_compatible(tmp_path):
    root = edited(tmp_path, r" +<elf-symbol name='passlock_exchange' [^\n]*\n| +<function-decl name='passlock_exchange' "
                            r".*?</function-decl>\n", "")
    done = abi("check", root)
    assert done.returncode == 0, done.stdout + done.stderr


def test_removal_is_found(tmp_path):
    root = edited(tmp_path, r"( +<elf-symbol name='passlock_)exchange('[^\n]*\n)", r"\1exchange\2\1swap\2")
    done = abi("check", root)
    assert done.returncode & 8 and "passlock_swap" in done.stdout, done.stdout + done.stderr


def test_changed_signature_is_found(tmp_path):
    root = edited(tmp_path, r"(<function-decl name='passlock_exchange' [^>]*>\n)[^\n]*\n", r"\1")
    done = abi("check", root)
    assert done.returncode & 4 and "passlock_exchange(" in done.stdout, done.stdout + done.stderr


def test_changed_enumerator_is_found(tmp_path):
    root = edited(tmp_path, r"(<enumerator name='PASSLOCK_LINKS_LOST' value=)'4'", r"\1'9'")
    done = abi("check", root)
    assert done.returncode & 4 and "PASSLOCK_LINKS_LOST" in done.stdout, done.stdout + done.stderr
