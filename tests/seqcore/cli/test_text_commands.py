"""A text file on the command line: train, evaluate, generate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqcore.cli import main
from seqcore.data.sources.prose import PastedText

SMALL = ("--set", "training.epochs=1", "--set", "model.hidden_size=16", "--set", "model.embedding_size=0")


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict], list[str]]:
    capsys.readouterr()
    code = main(words)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, [json.loads(line) for line in out.splitlines()], err.splitlines()


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verse said many times, as a file of another encoding, and its run in a store beside it."""
    folder = tmp_path_factory.mktemp("book")
    verse = PastedText().text.replace("vorpal", "vörpal")
    (folder / "verse.txt").write_bytes((verse * 6).replace("\n", "\r\n").encode("cp1252"))
    store = f"sqlite:///{folder / 'store' / 'seqcore.db'}"
    assert main(["--store", store, "train", str(folder / "verse.txt"), "--json", *SMALL]) == 0
    return folder


def test_a_text_file_is_judged_in_bits_and_written_on(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ("--store", f"sqlite:///{book / 'store' / 'seqcore.db'}", "--json")
    code, (scores,), _ = ask(capsys, *store, "predict", "latest", "--part", "test")
    assert code == 0
    assert scores["metrics"]["bits_per_character"] < scores["baselines"]["uniform"]["bits_per_character"]
    writing = (*store, "predict", "latest", "--input", "His vörpal ", "--generate", "40", "--temperature", "0.8")
    _, (written,), _ = ask(capsys, *writing, "--top-k", "5", "--seed", "3")
    assert len(written["generated"]) == 40
    assert (written["top_k"], written["seed"]) == (5, 3)
    assert ask(capsys, *writing, "--top-k", "5", "--seed", "3")[1] == [written]
    assert ask(capsys, *writing, "--top-k", "1", "--seed", "3")[1] != [written]


def test_another_text_is_scored_beside_the_n_grams_of_the_first(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (book / "other.txt").write_text(PastedText().text[::-1], encoding="utf-8")
    store = ("--store", f"sqlite:///{book / 'store' / 'seqcore.db'}", "--json")
    _, (scores,), _ = ask(capsys, *store, "predict", "latest", "--file", str(book / "other.txt"))
    assert {"unigram", "trigram", "five_gram"} <= set(scores["baselines"])


def test_characters_that_it_never_read_are_named_in_one_line(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ("--store", f"sqlite:///{book / 'store' / 'seqcore.db'}")
    code, _, faults = ask(capsys, *store, "predict", "latest", "--input", "Ω and 日", "--generate", "5")
    assert code == 1
    assert len(faults) == 1
    assert "'Ω' (character 1), '日' (character 7) were not in the training split" in faults[0]
