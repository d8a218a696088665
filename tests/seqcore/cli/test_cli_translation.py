"""Translation on the command line: train a file of pairs, translate a sentence, evaluate another file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seqcore.cli import main

SUBJECTS = [("I", "je"), ("You", "tu"), ("We", "nous")]
VERBS = [("sing", "chante", "chantes", "chantons"), ("dance", "danse", "danses", "dansons")]
PAIRS = [
    (f"{who} {english} {when}.", f"{qui.capitalize()} {forms[i]} {quand}.")
    for i, (who, qui) in enumerate(SUBJECTS)
    for english, *forms in VERBS
    for when, quand in (("here", "ici"), ("now", "maintenant"), ("today", "aujourd'hui"))
]


def file(path: Path, pairs: list[tuple[str, str]]) -> str:
    """As Tatoeba's decks have it: what stands after the second tab is nobody's business here."""
    path.write_text("".join(f"{a}\t{b}\tCC-BY 2.0 (France) #{i}\n" for i, (a, b) in enumerate(pairs)), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    changes = ["data.validation_fraction=0", "data.test_fraction=0", "training.epochs=40", "training.batch_size=8"]
    changes += ["model.hidden_size=24", "training.learning_rate=0.01", "model.architecture=gru"]
    settings = [word for s in changes for word in ("--set", s)]
    assert main(["train", file(folder / "fra.tsv", PAIRS), "--store", str(folder / "runs"), *settings]) == 0
    return folder


def ask(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["predict", "latest", "--store", str(folder / "runs"), "--json", *words]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_a_sentence_is_answered_with_its_translation_and_attention(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = ask(capsys, folder, "--input", "we dance now")
    assert answer["input"] == "we dance now"
    assert answer["prediction"] == "Nous dansons maintenant."
    assert answer["source"] == ["we", "dance", "now", "."]
    assert len(answer["attention"]) == len(answer["words"]) == 4
    assert all(len(row) == 4 and sum(row) == pytest.approx(1.0, abs=0.01) for row in answer["attention"])
    assert answer["unknown"] == []
    assert "note" not in answer


def test_a_word_that_was_never_seen_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = ask(capsys, folder, "--input", "We yodel now.")
    assert answer["unknown"] == ["yodel"]
    assert "yodel" in answer["note"]


def test_a_file_of_sentences_is_translated_line_by_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "plain.txt").write_text("I sing here.\nWe dance now.\nYou sing today.\n", encoding="utf-8")
    capsys.readouterr()
    told = ["--json", "--file", str(folder / "plain.txt"), "--csv", str(folder / "plain.csv")]
    assert main(["predict", "latest", "--store", str(folder / "runs"), *told]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [a["input"] for a in answers] == ["I sing here.", "We dance now.", "You sing today."]
    assert [a["prediction"] for a in answers][1:] == ["Nous dansons maintenant.", "Tu chantes aujourd'hui."]
    assert (folder / "plain.csv").read_text(encoding="utf-8").startswith("source,predicted\nI sing here.,")


def test_a_file_of_pairs_is_scored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = ask(capsys, folder, "--file", file(folder / "new.tsv", PAIRS[:6]), "--csv", str(folder / "answers.csv"))
    assert scores["metrics"]["exact"] == 1.0
    assert scores["metrics"]["bleu"] == pytest.approx(100.0)
    assert "nearest_sentence" in scores["baselines"]
    assert (folder / "answers.csv").read_text(encoding="utf-8").startswith("source,truth,predicted\n")


def test_a_beam_is_chosen_for_one_answer_or_a_score(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = ask(capsys, folder, "--input", "we dance now", "--beam", "4")
    assert answer["prediction"] == "Nous dansons maintenant."
    assert 0.0 < answer["probability"] <= 1.0
    assert ask(capsys, folder, "--part", "train", "--beam", "2")["metrics"]["bleu"] > 50.0
    with pytest.raises(SystemExit):
        main(["predict", "latest", "--store", str(folder / "runs"), "--steps", "3", "--beam", "2"])
    assert "--beam needs --input, --file or --split" in capsys.readouterr().err
