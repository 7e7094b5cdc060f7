from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from models.folding import fold
from models.grammar import labelled_texts
from models.registry import CARD_FILE, LOCK, MANIFEST, MODEL_FILE, Registry
from models.script import ALPHABETIC, salts
from models.training.examples import camouflaged, examples, fragments, mingled, nameless, split, weighing, with_names
from models.training.fit import Ways, telling, with_copies
from models.training.invented import bare_replies, masked, reactions, telling_names, with_digits
from models.training.recipes import RECIPES, agreement
from models.training.run import Check, Order, train, train_own
from models.training.sources import SOURCES, LabelledPost, PostsError, read_posts
from models.training.trimmings import small_talk, trimmed


@pytest.fixture(scope="module")
def posts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled posts of our own grammar, as a platform would bring its own."""
    path = tmp_path_factory.mktemp("posts") / "posts.jsonl"
    rows = labelled_texts(700, seed=3, labels=["chatter", "marketing"])
    path.write_text(
        "".join(
            json.dumps({"text": row.text, "label": "normal" if row.label == "chatter" else row.label}) + "\n"
            for row in rows
        )
    )
    return path


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_posts_and_seed_give_the_same_bytes(posts_file: Path, tmp_path: Path) -> None:
    # Each run is a process, as the command is: where numbers lie in a long-lived one can move their last bits.
    found = []
    for seed in ("0", "1", "2"):
        out = tmp_path / seed
        arguments = ["train", "--task", "ads", "--data", str(posts_file), "--out", str(out), "--date", "2026-01-01"]
        program = "import sys; from workers.cli.models import command; command(sys.argv[1:])"
        subprocess.run(
            [sys.executable, "-c", program, *arguments],
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": str(1 + int(seed))},
        )
        found.append(digests(out))
    assert found[0] == found[1] == found[2]
    assert {Path(file).name for file in found[0]} == {LOCK, MANIFEST, MODEL_FILE, CARD_FILE}


def test_another_seed_gives_another_model(posts_file: Path, tmp_path: Path) -> None:
    one = train_own(Order("ads", tmp_path, 1, "2026-01-01", print), posts_file)
    other = train_own(Order("ads", tmp_path, 2, "2026-01-01", print), posts_file)
    assert one.version != other.version
    assert Registry(tmp_path).entry("ads") == other


def test_names_are_read_when_the_posts_have_them(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    rows = labelled_texts(600, seed=4, labels=["chatter", "solicitation"])
    path.write_text(
        "".join(
            json.dumps({"text": row.text, "nick": row.name, "label": row.label.replace("chatter", "normal")}) + "\n"
            for row in rows
        )
    )
    entry = train_own(Order("offers", tmp_path / "out", 1, "2026-01-01", print), path)
    assert entry.input == "name+text"
    card = (tmp_path / "out" / "offers" / entry.version / "CARD.md").read_text()
    assert "the author's name and the text of a post" in card
    assert "## Reliability" in card


def test_posts_of_one_label_are_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "a", "label": "Normal"}\n' * 50)
    with pytest.raises(ValueError, match=r"labelled 'normal' .* its labels are: 'Normal' 50"):
        train_own(Order("ads", tmp_path / "out", 1, "2026-01-01", print), path)


@pytest.mark.parametrize(
    "texts",
    [["a"], list("abcdefghij"), list("abcdefghijklmnopqrst")],
    ids=["one text", "ten posts", "fewer than five of each label to calibrate from"],
)
def test_too_few_posts_that_differ_are_refused_with_how_many_there_are(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "posts.jsonl"
    rows = [{"text": text, "label": label} for text in texts for label in ("normal", "spam")]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ValueError, match=r"too few posts that differ: to (learn|calibrate) from there are"):
        train_own(Order("ads", tmp_path / "out", 1, "2026-01-01", print), path)


def test_the_mark_that_windows_puts_before_a_text_is_no_part_of_the_first_post(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "a", "label": "normal"}\n', "utf-8-sig")
    assert [post.text for post in read_posts(path)] == ["a"]


def test_fields_that_are_not_read_are_told_once_for_one_may_be_misspelt(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    row = {"text": "a", "label": "normal", "nick": "Mei", "nickname": "Mei", "id": 7}
    path.write_text(2 * (json.dumps(row) + "\n"))
    told: list[str] = []
    read_posts(path, told.append)
    assert told == [f"{path}: fields that are not read: 'nickname', 'id'"]
    path.write_text(json.dumps({"text": "a", "label": "normal", "nick": "Mei", "user": "a1"}) + "\n")
    read_posts(path, told.append)
    assert len(told) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_a_file_in_utf_16_is_told_as_such(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('\ufeff{"text": "a", "label": "normal"}\n', encoding)
    with pytest.raises(PostsError, match=r"posts\.jsonl: it is UTF-16; save it as UTF-8"):
        read_posts(path)


@pytest.mark.parametrize("line", ["no json", '{"label": "spam"}', '{"text": 1, "label": "spam"}', "[1]"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "a", "label": "normal"}\n\n' + line + "\n")
    with pytest.raises(PostsError, match=r"posts\.jsonl, line 3: not a post"):
        read_posts(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PostsError, match=r"cannot read .*none\.jsonl"):
        read_posts(tmp_path / "none.jsonl")


def test_a_group_is_on_one_side_of_a_split() -> None:
    posts = [LabelledPost(text=str(row), label="normal", user=str(row % 40)) for row in range(400)]
    learn, hold = split(examples(posts, "posts"), 0.25, seed=1)
    assert len(learn) + len(hold) == 400
    assert 40 < len(hold) < 160
    assert not set(learn.groups) & set(hold.groups)


def test_posts_that_fold_alike_are_one_group() -> None:
    texts = ["加.微.信", "加微信", "其他"]
    groups = examples([LabelledPost(text=text, label="spam") for text in texts], "posts").groups
    assert groups[0] == groups[1] != groups[2]


def test_texts_in_an_alphabet_are_learned_from_again_with_enough_chinese_to_be_hashed_as_such() -> None:
    of = examples([LabelledPost(text=text, label="spam") for text in ("free money now", "加微信 now", "")], "posts")
    again = mingled(of, 0.15, seed=1)
    (text,) = again.texts
    assert again.groups == of.groups[:1]
    assert again.weights.tolist() == [0.15]
    assert re.sub(r"[\u4e00-\u9fff]", "", text) == "free money now"
    assert salts(fold([text, "free money now"])).tolist() == [0, ALPHABETIC]


def test_votes_say_how_much_a_tweet_counts() -> None:
    assert agreement(LabelledPost(text="", label="abuse", votes=[1, 1, 1])) == pytest.approx(2 / 3)
    assert agreement(LabelledPost(text="", label="normal", votes=[0, 0, 3])) == 1
    assert agreement(LabelledPost(text="", label="normal")) == 1


def test_masked_digits_become_digits() -> None:
    posts = [LabelledPost(text="call xxxxx now", label="spam"), LabelledPost(text="a fox", label="normal")]
    of = with_digits(examples(posts, "posts"), seed=1)
    (text,) = of.texts
    assert of.positive.tolist() == [True]
    assert text[5:10].isdigit()
    assert text.endswith(" now")


def test_a_message_with_digits_is_on_the_side_of_the_split_that_its_masked_form_is_on() -> None:
    of = examples([LabelledPost(text="call xxxxx now", label="spam")], "posts")
    assert with_digits(of, seed=1).groups == of.groups


def test_digits_become_masks_and_posts_without_any_stay_away() -> None:
    posts = [LabelledPost(text="12 of 345", label="spam"), LabelledPost(text="a fox", label="normal")]
    assert masked(examples(posts, "posts")).texts == ["xx of xxx"]


def test_a_copy_says_the_same_in_another_spelling_and_is_of_its_original_s_group() -> None:
    of = examples([LabelledPost(text="加微信看主页，同城上门服务", nick="小雨", label="spam")] * 20, "posts")
    (copy,) = camouflaged(of, 1, 0.25, seed=1)
    assert copy.groups == of.groups
    assert copy.weights.tolist() == [0.25] * 20
    assert all(was != now for was, now in zip(of.texts, copy.texts, strict=True))
    assert camouflaged(of, 1, 0.25, seed=1)[0].texts == copy.texts


def test_of_ordinary_posts_there_is_a_copy_only_where_it_counts() -> None:
    of = examples([LabelledPost(text="买一送一", label="ad"), LabelledPost(text="晚上好", label="normal")], "posts")
    assert with_copies(of, 1, Ways(copies=2)).positive.tolist() == [True, False, True, True]
    every = with_copies(of, 1, Ways(copies=1, copy_weight=0.5, other_weight=0.1))
    assert every.positive.tolist() == [True, False, True, False]
    assert every.weights.tolist() == [1, 1, 0.5, 0.1]


def test_what_tells_classes_apart_within_one_kind_of_posts_is_not_lost_among_all() -> None:
    counts = sparse.csr_matrix(np.array([[1, 0], [0, 1], [0, 1], [1, 0]], np.float32))
    positive, sources = np.array([True, False, True, False]), ["texts", "texts", "posts", "posts"]
    among_all, kinds = Ways(), Ways(kinds=(("texts",), ("posts",)))
    assert telling(counts, positive, np.ones(4), sources, among_all).tolist() == [0, 0]
    assert (telling(counts, positive, np.ones(4), sources, kinds) > 0.5).all()


def test_reactions_are_emoji_alone_and_ordinary() -> None:
    found = reactions(50, 0.3, seed=1)
    assert not found.positive.any()
    assert all(1 <= len(text) <= 3 and not text.isascii() for text in found.texts)


def test_bare_replies_count_against_a_telling_name_alone() -> None:
    told, bare = telling_names(400, 1.0, seed=1), bare_replies(400, 1.0, seed=1)
    assert told.positive.all()
    assert not bare.positive.any()
    assert len(set(told.names)) > 150
    assert set(told.texts) & set(bare.texts)


def test_the_ablation_is_in_the_card(posts_file: Path, tmp_path: Path) -> None:
    checks = posts_file.parent / "dev.jsonl"
    checks.write_text(posts_file.read_text())
    order = Order("ads", tmp_path, 1, "2026-01-01", print, ablation=True)
    entry = train(
        order,
        examples(read_posts(posts_file), posts_file.name),
        "text",
        Ways(),
        posts_file.parent,
        checks=[Check("dev", False)],
    )
    card = (tmp_path / "ads" / entry.version / "CARD.md").read_text()
    for part in ("## Evasion", "## What each part is worth", "| without lengths | dev |", "## Precision and recall"):
        assert part in card


def test_fragments_are_short_and_ordinary() -> None:
    of = examples([LabelledPost(text="一二三四五六七八九十", label="normal")], "posts")
    short = fragments(of, 200, 0.5, seed=1)
    assert not short.positive.any()
    assert set(map(len, short.texts)) == set(range(7))
    assert all(text in of.texts[0] for text in short.texts)


def test_trimmings_leave_label_and_words_in_place() -> None:
    of = examples([LabelledPost(text=f"post {row}", label="spam") for row in range(200)], "posts")
    after = trimmed(of, 0.5, seed=1)
    changed = [now for was, now in zip(of.texts, after.texts, strict=True) if was != now]
    assert 60 < len(changed) < 140
    assert all(was in now for was, now in zip(of.texts, after.texts, strict=True))
    assert after.positive.all()


def test_small_talk_is_ordinary_and_varied() -> None:
    talk = small_talk(500, 0.5, seed=1)
    assert not talk.positive.any()
    assert len(set(talk.texts)) > 300


def test_posts_that_weigh_anew_or_lose_their_names_are_otherwise_the_same() -> None:
    of = examples([LabelledPost("a", "spam", nick="Mei"), LabelledPost("b", "normal", nick="Li")], "here", weights=0.5)
    assert (weighing(of, 3.0).weights.tolist(), weighing(of, 3.0).names) == ([3.0, 3.0], ["Mei", "Li"])
    assert (nameless(of).names, nameless(of).texts) == (["", ""], ["a", "b"])
    assert nameless(of).weights.tolist() == [0.5, 0.5]


def test_most_nameless_posts_borrow_a_name() -> None:
    posts = [LabelledPost(text="a", label="normal", nick="own" if row % 2 else "") for row in range(200)]
    names = with_names(examples(posts, "posts"), ["lent"], seed=1).names
    assert names.count("own") == 100
    assert 40 < names.count("lent") < 90


@pytest.mark.data
def test_recipes_learn_from_listed_sources_and_our_own_text_alone(sets: Path) -> None:
    allowed = {source.file for source in SOURCES}
    made = {"our own grammar", "small talk of our own", "fragments of ordinary posts"}
    for name, recipe in RECIPES.items():
        learned = recipe.learn(sets, 1)
        assert set(learned.sources) <= allowed | made, name
        assert 0 < learned.positive.mean() < 0.5
        assert np.all(learned.weights >= 0)
