"""Sentences are cut and put together again to the letter; what is the same stays together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcore.data.parallel_text import MOST_WORDS, pairs_table
from seqcore.data.parallel_text_codec import ParallelTextCodec
from seqcore.data.parallel_text_dataset import ParallelTextDataset
from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.sentences import cut_sentence, normalized
from seqcore.data.splits import assigned_splits
from seqcore.data.token_dataset import NOT_SCORED
from seqcore.errors import DataError
from seqcore.experiment.config import DataConfig
from seqcore.results.spacing import bare, join_sentence

CPU = torch.device("cpu")
SMALL = [
    ("Go.", "Va !"),
    ("I am here.", "Je suis là."),
    ("Tom is here.", "Tom est là."),
    ("Where is Tom?", "Où est Tom ?"),
    ("You are here.", "Tu es là."),
    ("We go.", "Nous allons."),
]


def dataset(pairs: list[tuple[str, str]] = SMALL, **config: object) -> ParallelTextDataset:
    whole = {"validation_fraction": 0.0, "test_fraction": 0.0, "task": "translation", **config}
    return ParallelTextDataset(pairs_table(pairs, name="pairs"), DataConfig.model_validate(whole), CPU)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I'm happy, don't you think?", "I|'m|happy|,|do|n't|you|think|?"),
        ("Est-ce que tu manges l'eau ?", "Est|-ce|que|tu|manges|l'|eau| ?"),
        ("Qu'a-t-il dit d'aujourd'hui ?", "Qu'|a|-t-il|dit|d'|aujourd'hui| ?"),
        ("Peut-être que j'irai.", "Peut-être|que|j'|irai|."),
        ('He said "go (now)" and left.', 'He|said|"|go|(|now|)|"|and|left|.'),
        ("我很高兴。", "我|很|高|兴|。"),
    ],
)
def test_words_come_apart_where_a_grammar_would_cut_them(text: str, words: str) -> None:
    assert cut_sentence(text) == words.split("|")


@given(
    st.text(
        st.one_of(st.characters(), st.sampled_from("abéç '’-.,!?\"«»()\u00a0\u202f我")).filter(lambda c: c != "\ufffd"),
        max_size=60,
    )
)
@settings(deadline=None, max_examples=100)
def test_any_sentence_comes_back_to_the_letter(text: str) -> None:
    clean = normalized(text)
    assert join_sentence(cut_sentence(clean)) == clean


def test_odd_apostrophes_spaces_and_accents_become_one_kind() -> None:
    assert normalized("L\u2019e\u0301te\u0301\u202f!\u00a0 Oui\u200b") == "L'été ! Oui"


def test_equal_sentences_are_one_group_whatever_their_capitals_and_marks() -> None:
    table = pairs_table([("Go!", "Va !"), ("Run.", "Cours !"), ("go", "Vas-y"), ("Go.", "File !")], name="pairs")
    assert table.groups is not None
    assert table.groups.tolist() == [0, 1, 0, 0]


def test_the_same_pair_counts_once_and_that_is_said() -> None:
    table = pairs_table([("Hi.", "Salut."), ("Hi.", "Bonjour."), ("Hi.", "Salut."), ("Hi.", "Salut.")], name="pairs")
    assert len(table.lengths) == 2
    assert table.notes == ("Sentence pairs left out (duplicate): 2.",)
    assert table.paired is not None
    assert table.paired.words(0, 4) == ["Salut", ".", "Bonjour", "."]


def test_equal_sentences_are_never_on_both_sides_of_a_split() -> None:
    rng = np.random.default_rng(0)
    pairs = [(f"Sentence {rng.integers(60)}.", f"Phrase {i}.") for i in range(400)]
    table = pairs_table(pairs, name="pairs")
    parts = assigned_splits(table, 0.2, 0.2)
    of: dict[str, set[int]] = {}
    for s, part in enumerate(parts.tolist()):
        of.setdefault(" ".join(table.words(int(table.offsets[s]), int(table.offsets[s + 1]))), set()).add(part)
    assert all(len(found) == 1 for found in of.values())
    assert set(parts.tolist()) == {0, 1, 2}


def test_an_empty_side_is_one_line_with_its_row() -> None:
    with pytest.raises(DataError) as error:
        pairs_table([("a", "b"), ("", "c"), ("d", "\u00a0\u200b")], name="my.tsv")
    assert error.value.lines == ("my.tsv, rows 2, 3: an empty sentence in the pair; correct or remove the row",)
    with pytest.raises(DataError, match="there are no sentence pairs"):
        pairs_table([], name="my.tsv")


def test_a_sentence_that_is_far_too_long_is_left_out_and_that_is_said() -> None:
    table = pairs_table([("a b", "c d"), ("a " * (MOST_WORDS + 1), "c"), ("b a", "d")], name="pairs")
    assert len(table.lengths) == 2
    assert table.notes == (f"Sentence pairs left out (with more than {MOST_WORDS} words): 1.",)
    assert table.symbols is not None
    assert table.symbols.tolist() == ["a", "b"]


def test_a_first_word_is_read_small_unless_it_has_a_capital_elsewhere() -> None:
    source = dataset().codec.source
    assert source.read(cut_sentence("Tom is here.")) == ["Tom", "is", "here", "."]
    assert source.read(cut_sentence("Where is tom?")) == ["where", "is", "Tom", "?"]
    assert source.read(cut_sentence("go, zebra")) == ["go", "\ufffd", "\ufffd"]


def test_a_translation_has_the_capital_and_a_sentence_the_mark_that_are_usual() -> None:
    codec = dataset().codec
    assert codec.written(["je", "suis", "là", "."], ["i", "am", "here"]) == ("Je", "suis", "là", ".")
    assert codec.read("where is Tom") == ["where", "is", "Tom", "?"]
    assert codec.read("you are Tom") == ["you", "are", "Tom", "."]
    assert codec.read("you are Tom!") == ["you", "are", "Tom", "!"]
    plain = dataset([("go", "va"), ("you go", "tu vas"), ("we go", "nous allons")]).codec
    assert plain.read("we go") == ["we", "go"]
    assert plain.written(["tu", "vas"], ["You", "go"]) == ("tu", "vas")


def test_batches_hold_every_word_the_end_and_nothing_scored_beyond() -> None:
    data = dataset()
    batch = data.batch("train", np.arange(len(SMALL)))
    words = data.codec.target.vocabulary.symbols
    assert batch.lengths is not None
    for row, (english, french) in zip(range(len(SMALL)), SMALL, strict=True):
        target = [int(code) for code in batch.targets[row].tolist() if code != NOT_SCORED]
        assert target[-1] == data.codec.end
        read = data.codec.written([words[code] for code in target[:-1]], cut_sentence(english))
        assert join_sentence(read) == french
        assert int(batch.lengths[row]) == len(cut_sentence(english))


def test_rare_words_are_unknown_and_the_most_frequent_ones_are_kept() -> None:
    pairs = [(f"the cat {i} sees x{i}", f"le chat {i} voit y{i}") for i in range(700)]
    assert len(dataset(pairs).codec.source) == 1 + 3  # of over 1,000 words, none that stands there once
    assert len(dataset(pairs, min_count=1).codec.source) == 1 + 3 + 1400
    few = dataset(pairs, min_count=1, vocabulary=10).codec.source
    assert len(few) == 11
    assert {"the", "cat", "sees"} <= set(few.vocabulary.symbols)


def test_a_codec_comes_back_from_plain_values() -> None:
    codec = dataset().codec
    again = ParallelTextCodec.from_dict(codec.to_dict(), codec.arrays())
    assert again.to_dict() == codec.to_dict()
    assert again.read("where is tom") == codec.read("where is tom")
    assert all(np.array_equal(again.memory[name], codec.memory[name]) for name in codec.memory)


def test_only_pairs_can_be_translated() -> None:
    from seqcore.data.table import symbol_table

    with pytest.raises(DataError, match="translation needs sentence pairs"):
        ParallelTextDataset(
            symbol_table([list("abc"), list("abd")], independent=True), DataConfig(task="translation"), CPU
        )


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), min_size=1, max_size=8))
@settings(deadline=None, max_examples=100)
def test_any_pairs_become_a_table_or_one_of_our_errors(pairs: list[tuple[str, str]]) -> None:
    try:
        table = pairs_table(pairs, name="pairs")
    except DataError:
        return
    assert table.paired is not None
    assert (table.lengths > 0).all()
    assert (table.paired.lengths > 0).all()
    assert not any(bare(s) == "" for s in table.symbols.tolist())  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (["only one side", "a\tb\tc\td", "x\t"], (
            "my.tsv, row 31: there is no tab and second sentence; correct or remove the row",
            "my.tsv, row 33: the second sentence is empty; correct or remove the row",
            "my.tsv, row 32: 4 columns, the others have 2; remove the extra tabs")),
        ([f"one {i}" for i in range(12)], (
            "my.tsv, rows 31, 32, 33, 34, 35, 36, 37, 38, 39, 40 and 2 more: there is no tab and second sentence; "
            "correct or remove the row",)),
    ],
)  # fmt: skip
def test_every_kind_of_row_that_does_not_fit_is_named(rows: list[str], lines: tuple[str, ...]) -> None:
    good = [f"I see {i}.\tJe vois {i}." for i in range(30)]
    with pytest.raises(DataError) as error:
        read_table("\n".join([*good, *rows]).encode(), name="my.tsv")
    assert error.value.lines == lines


def test_sentences_without_a_tab_are_told_what_is_missing() -> None:
    with pytest.raises(DataError, match="separate the two sentences of each row with a tab"):
        read_table(b"I see the cat.\nYou see the dog.\nHe goes home.\n", name="my.tsv")


def test_characters_of_pairs_are_said_to_have_no_effect() -> None:
    content = "\n".join(f"I see {i}.\tJe vois {i}." for i in range(30)).encode()
    assert any("always split into words" in note for note in
               read_table(content, name="my.tsv", options=FileOptions(level="characters")).notes)  # fmt: skip
    assert not any("always split" in note for note in read_table(content, name="my.tsv").notes)
    frame = "en,fr\n" + "".join(f"I see the {i}.,Je vois le {i}.\n" for i in range(30))
    options = FileOptions(level="characters", kind="pairs")
    assert any(
        "always split into words" in note for note in read_table(frame.encode(), name="a.csv", options=options).notes
    )
