"""The shipped policy with something wrong in it: a policy or its errors, never another exception."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from workers.cli import command
from workers.policy import DEFAULT, Policy, PolicyError
from workers.signals import schema

ROUNDS = 120
PIECES = (
    "", " ", "\t", "\n", ":", ": ", "- ", "#", "&a ", "*a", "<<: *a", "!!python/name:os.system ", "!!binary ", "? ",
    "|", ">-", "---\n", "...", "%YAML 9", "{", "}", "[", "]", '"', "'", "\\", "@", "`", "\x00", "\x1b[2J", "\u2028",
    "\ufeff", "\U0010ffff", "null", "~", "true", "2026-11-24", "0x1F", "1e999", "9" * 400, "-1", "1d", "91d", "0s",
    "99999999999999d", ".inf", ".nan", "[" * 600, "{a: " * 300, "name: x", "when: 1 = 1", "verdict: block", "terms",
    "../../etc/passwd", "/etc/passwd", "terms/", ".", "NULL", "IS NULL", "SELECT 1", "read_csv('/etc/passwd')",
    "OVER ()", "' OR '1'='1", "--", ";", "REGEXP_LIKE(kind, '(.{0,99}){0,99}z')", "/ 0", "% 0", "+" * 40, "(" * 400,
    "NOT " * 200, "CASE WHEN " * 50, "LIKE '%_%_%_%_%'", "kind + kind", "-" * 50, "1" + "0" * 300,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped policy and its term files."""
    return Path(shutil.copytree(DEFAULT.parent, tmp_path / "policy"))


def mutated(text: str, chance: random.Random) -> bytes:
    """The text with one to three things changed, most of them where a value or a line begins."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        lines = text.split("\n")
        at = chance.randrange(len(lines))
        line = lines[at]
        match chance.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case 2:
                lines[at] = line.replace("  ", "", 1) if chance.random() < 0.5 else "  " + line
            case 3:
                head, colon, _ = line.partition(":")
                lines[at] = f"{head}{colon} {chance.choice(PIECES)}"
            case 4:
                words = line.split(" ")
                words[chance.randrange(len(words))] = chance.choice(PIECES)
                lines[at] = " ".join(words)
            case 5:
                place = chance.randrange(len(line) + 1)
                lines[at] = line[:place] + chance.choice(PIECES) + line[place:]
            case 6:
                place = chance.randrange(len(line) + 1)
                lines[at] = line[:place] + line[place + chance.randrange(1, 6) :]
            case _:
                del lines[at:]
        text = "\n".join(lines)
    raw = bytearray(text.encode(errors="surrogatepass"))
    if raw and chance.random() < 0.1:
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(raw)


def loaded(path: Path) -> bool:
    """Whether there is a policy; its errors are checked for what a terminal and a person need."""
    try:
        Policy.load(path, schema())
    except PolicyError as error:
        problems = error.problems
    else:
        return True
    assert problems
    assert all(problem.line >= 1 and "\n" not in str(problem) for problem in problems)
    return False


def test_any_change_of_the_shipped_policy_gives_a_policy_or_its_errors(folder: Path) -> None:
    chance = random.Random(7)
    text = DEFAULT.read_text()
    sound = 0
    for _ in range(ROUNDS):
        (folder / DEFAULT.name).write_bytes(mutated(text, chance))
        sound += loaded(folder / DEFAULT.name)
    assert 0.05 * ROUNDS < sound < 0.8 * ROUNDS


def test_any_change_of_a_term_file_gives_a_policy_or_its_errors(folder: Path) -> None:
    chance = random.Random(8)
    files = sorted((folder / "terms").iterdir())
    for number in range(14):
        file = files[number % len(files)]
        before = file.read_bytes()
        file.write_bytes(mutated(before.decode(), chance) if number % 3 else chance.randbytes(60))
        loaded(folder / DEFAULT.name)
        file.write_bytes(before)


def test_what_is_wrong_with_a_policy_is_told_without_steering_the_terminal(folder: Path) -> None:
    chance = random.Random(9)
    text = DEFAULT.read_text()
    path = folder / DEFAULT.name
    for _ in range(10):
        path.write_bytes(mutated(text, chance))
        for arguments in (["policy", "check", str(path)], ["score", "--text", "x", "--policy", str(path)]):
            result = CliRunner().invoke(command, arguments)
            assert result.exception is None or isinstance(result.exception, SystemExit)
            assert not set(result.output) & set("\x00\x1b\u202e")
