"""Readers in other languages: a generator from npm makes types of the AsyncAPI document, and a compiler holds them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from topics.decision import Decision, FiredRule, Source, Span, encode
from topics.post import Author, Media, Post
from topics.schema import FOLDER

PACKAGES = {"@asyncapi/modelina": "5.10.1", "typescript": "7.0.2"}
GENERATE = """
import { TypeScriptGenerator } from "@asyncapi/modelina";
import fs from "fs";
const [document, folder] = process.argv.slice(2);
const options = { modelType: "interface", enumType: "union", mapType: "record", rawPropertyNames: true };
const generator = new TypeScriptGenerator(options);
const models = await generator.generateCompleteModels(JSON.parse(fs.readFileSync(document)), { exportType: "named" });
for (const model of models) fs.writeFileSync(`${folder}/${model.modelName}.ts`, model.result);
"""
NOW = 1_795_564_800_000
ALLOWED = Decision(
    id="p-1", author="a-1", verdict="allow", policy="v1", source=Source(0, 17), created_at=NOW, arrived_at=NOW
)
BLOCKED = Decision(
    id="p-2",
    author="a-1",
    verdict="block",
    category="spam",
    rules=[FiredRule("flood", "block", "spam", "Too many posts in a minute")],
    signals={"author_posts_1m": 40, "marketing": 0.25, "lang": None, "link_shortener": True, "ip": "192.0.2.7"},
    scores={"marketing": 0.25},
    spans=[Span("name", 0, 3, "marketing", -0.5)],
    policy="v1",
    models={"marketing": "1"},
    degraded=True,
    source=Source(0, 18),
    created_at=NOW,
    arrived_at=NOW,
    post=Post(
        id="p-2",
        text="good morning",
        author=Author("a-1", "Lin", NOW, 3, "m-1"),
        created_at=NOW,
        kind="comment",
        links=["https://example.org"],
        media=[Media("image", "ff00", {"nudity": 0.5})],
    ),
)


@pytest.fixture(scope="module")
def packages() -> Path:
    """Folder of the generator and the compiler, fetched once into a cache outside this tree."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm (Node.js)")
    cache = Path(os.environ.get("SLUICEGATE_CACHE") or Path.home() / ".cache" / "sluicegate")
    folder = cache / "-".join(["npm", *(f"{name.split('/')[-1]}-{version}" for name, version in PACKAGES.items())])
    if not (folder / "complete").exists():
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
        try:
            done = subprocess.run([*command, *wanted], capture_output=True, text=True, timeout=240, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm has not fetched the generator within 240 s")
        if done.returncode:
            pytest.skip(f"npm could not fetch the generator: {done.stderr[-300:] or done.stdout[-300:]}")
        (folder / "complete").touch()
    return folder


@pytest.fixture(scope="module")
def generated(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the types that the generator makes of the AsyncAPI document."""
    folder = tmp_path_factory.mktemp("generated")
    script = packages / "generate.mjs"
    script.write_text(GENERATE)
    subprocess.run(["node", script, FOLDER / "asyncapi.json", folder], check=True, timeout=120)
    return folder


def compiled(packages: Path, folder: Path, program: str) -> str:
    """What TypeScript's compiler has against a program beside the types."""
    (folder / "program.ts").write_text(program)
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    command = [packages / "node_modules" / ".bin" / "tsc", *options, folder / "program.ts"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


def test_every_message_gets_a_type_and_every_choice_a_name(generated: Path) -> None:
    names = {file.stem for file in generated.glob("*.ts")} - {"program"}
    assert names >= {
        "Post",
        "Author",
        "Media",
        "Decision",
        "FiredRule",
        "Span",
        "Source",
        "Verdict",
        "Kind",
        "Campaign",
    }
    assert not [name for name in names if "Anonymous" in name]


@pytest.mark.parametrize("decision", [ALLOWED, BLOCKED], ids=["allow", "block"])
def test_a_decision_as_it_is_written_is_of_the_generated_type(
    packages: Path, generated: Path, decision: Decision
) -> None:
    program = f"""
        import {{ Decision }} from "./Decision";
        const decision: Decision = {encode(decision).decode()};
        const reasons: string[] = (decision.rules ?? []).map((rule) => rule.name + ": " + rule.reason);
        const account: string | undefined = decision.post?.author.name;
        const held: boolean = decision.verdict === "flag" || decision.verdict === "block";
        console.log(reasons, account, held, decision.source.offset, decision.signals?.["marketing"]);
    """
    assert compiled(packages, generated, program) == ""


@pytest.mark.parametrize(
    "changed",
    [{"verdict": "maybe"}, {"source": {"partition": 0}}, {"created_at": "today"}, {"rules": [{"name": "flood"}]}],
    ids=["verdict", "source", "created_at", "rules"],
)
def test_what_is_no_decision_is_refused_by_the_compiler(
    packages: Path, generated: Path, changed: dict[str, Any]
) -> None:
    wrong = json.dumps(json.loads(encode(BLOCKED)) | changed)
    program = f'import {{ Decision }} from "./Decision";\nexport const decision: Decision = {wrong};\n'
    assert "error TS" in compiled(packages, generated, program)
