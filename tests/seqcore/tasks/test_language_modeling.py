"""Language modeling: evaluation of long texts, generation, and refused inputs."""

from __future__ import annotations

import copy
import csv
import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from seqcore.data.table import Table, symbol_table
from seqcore.data.text import text_table
from seqcore.data.vocabulary import UNKNOWN, Vocabulary
from seqcore.errors import DataError, PredictionError
from seqcore.events import CheckpointReady, Finding, Finished, Preview, Started
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.models.generation import generate
from seqcore.results import SymbolsView, TextView, view_from_dict
from seqcore.tasks.language_modeling import LanguageModeling
from seqcore.tasks.stateful_eval import parallel_segments
from seqcore.training.fit import fit

CPU = torch.device("cpu")
SMALL = {
    "data": {"source": "text", "task": "language-modeling", "window": 16, "stride": 16, "predict": "every"},
    "model": {"architecture": "gru", "hidden_size": 24},
    "training": {"batch_size": 4, "epochs": 2, "shuffle": False, "stateful": True},
}


def experiment(**changes: Any) -> Experiment:
    return Experiment.make(SMALL).with_changes({k.replace("__", "."): v for k, v in changes.items()})


def prose(words: int = 2000, seed: int = 0) -> str:
    """Sentences with some order in them: each word depends on the one before."""
    random = np.random.default_rng(seed)
    kinds = ["the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran", "to", "me", "far"]
    text, word = [], 0
    for _ in range(words):
        word = int((word * 5 + random.integers(1, 4)) % len(kinds))
        text.append(kinds[word] + ("." if random.random() < 0.1 else ""))
    return " ".join(text)


def trained(text: str, **changes: Any) -> tuple[Predictor, dict[str, Any]]:
    seen: dict[str, Any] = {"previews": [], "findings": []}
    content = b""
    level = changes.pop("level", "characters")
    for event in fit(experiment(**changes), data=text_table(text, level=level)):
        if isinstance(event, CheckpointReady):
            content = event.content
        elif isinstance(event, Preview):
            seen["previews"].append(event.view)
        elif isinstance(event, Finding):
            seen["findings"].append(event)
        elif isinstance(event, Started):
            seen["started"] = event
        elif isinstance(event, Finished):
            seen["finished"] = event
    return Predictor.from_checkpoint(content), seen


@pytest.fixture(scope="module")
def reader() -> tuple[Predictor, dict[str, Any]]:
    return trained(prose())


def test_bits_per_character_are_compared_with_uniform_and_n_gram_baselines(
    reader: tuple[Predictor, dict[str, Any]],
) -> None:
    metrics, baselines = reader[1]["finished"].metrics, reader[1]["finished"].baselines
    assert set(baselines) == {"uniform", "unigram", "bigram", "trigram", "five_gram"}
    assert reader[1]["started"].metric == "bits_per_character"
    assert reader[1]["started"].reference_baseline == "unigram"
    assert metrics["test_bits_per_character"] == pytest.approx(metrics["test_loss"] / np.log(2))
    bits = [baselines[name]["test_bits_per_character"] for name in ("uniform", "unigram", "bigram", "five_gram")]
    assert bits == sorted(bits, reverse=True)
    assert metrics["test_bits_per_character"] < bits[1]


def test_parallel_segments_score_as_one_pass() -> None:
    task = LanguageModeling(experiment(data__window=10, data__stride=10))
    data = task.make_dataset(text_table(prose(1500)), CPU)
    torch.manual_seed(0)
    model = task.build_model(data.codec).eval()
    torch.nn.init.normal_(model.backbone.network.weight_hh_l0, std=0.15)
    scored = task.evaluate(model, data, "val", full=False)
    assert scored.windows == scored.of
    codes = torch.from_numpy(data.codes).long()
    with torch.inference_mode():
        logs = torch.log_softmax(model(codes[None, :-1])[0][0], dim=-1)
    rows, _ = data.places("val", np.arange(len(data.windows["val"])), carried=True)
    reference = -float(logs[rows - 1, codes[rows]].mean())
    assert scored.metrics["loss"] == pytest.approx(reference, abs=1e-4)


@pytest.mark.parametrize(("n", "most", "rows"), [(1, 9, 4), (7, 100, 3), (64, 64, 64), (1000, 100, 16), (65, 65, 64)])
def test_parallel_segments_cover_a_split_once_or_sample_it_evenly(n: int, most: int, rows: int) -> None:
    passes = list(parallel_segments(n, most, rows))
    numbers = np.concatenate(passes)
    assert len(numbers) == len(set(numbers.tolist()))
    assert len(numbers) == n if most >= n else most * 0.8 <= len(numbers) <= most
    assert numbers.max() >= n - 1 - n // rows
    for before, after in pairwise(passes):
        assert np.array_equal(after, before[: len(after)] + 1)


def test_a_very_long_split_is_scored_on_an_evenly_spaced_sample() -> None:
    task = LanguageModeling(experiment(data__window=100, data__stride=100))
    random = np.random.default_rng(0)
    table = Table(
        values=random.integers(0, 4, (2_000_000, 1)).astype(np.uint8),
        columns=("symbol",),
        symbols=np.array(list("abcd")),
    )
    data = task.make_dataset(table, CPU)
    model = task.build_model(data.codec)
    scored = task.evaluate(model, data, "val", full=False)
    assert 500 <= scored.windows <= 1000
    assert scored.of == 3000
    assert "evenly spread" in scored.scored


def test_previews_are_generated_with_a_fixed_seed(reader: tuple[Predictor, dict[str, Any]]) -> None:
    previews = reader[1]["previews"]
    assert all(isinstance(view, TextView) and view.text for view in previews)
    assert len({view.prompt for view in previews}) == 1
    assert previews[-1].text != previews[0].text
    assert previews[0].prompt in prose()
    assert len(previews[0].truth) == len(previews[0].text)
    assert previews[0].prompt + previews[0].truth in prose()


def test_the_true_continuation_is_in_json_and_csv(reader: tuple[Predictor, dict[str, Any]]) -> None:
    view = reader[1]["previews"][0]
    assert view_from_dict(view.to_dict()) == view
    header, row = csv.reader(io.StringIO(view.to_csv()))
    assert header == ["prompt", "text", "truth"]
    assert row == [view.prompt, view.text, view.truth]
    assert TextView("a", "b").to_csv() == "prompt,text\na,b\n"


def test_an_evaluation_shows_text_and_probabilities(reader: tuple[Predictor, dict[str, Any]]) -> None:
    evaluation = reader[0].evaluate(text_table(prose()), split="test")
    assert isinstance(evaluation.view, TextView)
    assert [type(view) for view in evaluation.more] == [SymbolsView]
    assert evaluation.metrics["bits_per_character"] == pytest.approx(
        reader[1]["finished"].metrics["test_bits_per_character"], rel=1e-5
    )
    assert evaluation.baselines == {
        name: {m.removeprefix("test_"): v for m, v in scores.items() if m.startswith("test_")}
        for name, scores in reader[1]["finished"].baselines.items()
    }


def test_new_text_has_the_same_n_gram_baselines(reader: tuple[Predictor, dict[str, Any]]) -> None:
    evaluation = reader[0].evaluate(text_table(prose(500, seed=9)))
    assert (
        evaluation.baselines["five_gram"]["bits_per_character"] < evaluation.baselines["unigram"]["bits_per_character"]
    )


def test_generation_depends_on_seed_temperature_and_top_k(reader: tuple[Predictor, dict[str, Any]]) -> None:
    write_on = reader[0].generate
    assert write_on("the cat", 60, seed=1) == write_on("the cat", 60, seed=1)
    assert write_on("the cat", 60, seed=1) != write_on("the cat", 60, seed=2)
    greedy = write_on("the cat", 60, temperature=0.0)
    assert write_on("the cat", 60, top_k=1, seed=5) == greedy == write_on("the cat", 60, temperature=0.01)
    assert write_on("the cat", 60, top_k=3, seed=5) != write_on("the cat", 60, seed=5)
    assert len(write_on("the cat", 60)) == 60


def test_generation_with_a_state_equals_generation_from_the_whole_context(
    reader: tuple[Predictor, dict[str, Any]],
) -> None:
    codec, model = reader[0]._codec, reader[0]._model
    codes = codec.vocabulary.encode(list("the cat sat")).tolist()
    carried = generate(model, codes, 40, temperature=1.0, seed=3)
    assert carried == generate(model, codes, 40, temperature=1.0, seed=3, window=10_000)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_unknown_symbol_is_never_generated(reader: tuple[Predictor, dict[str, Any]], temperature: float) -> None:
    model = copy.deepcopy(reader[0].model)
    with torch.no_grad():
        model.head.bias[0] += 100.0  # type: ignore[union-attr, index, operator]
    assert 0 not in generate(model, [1, 2, 3], 40, temperature=temperature, seed=0)


def test_unknown_symbols_are_all_listed(reader: tuple[Predictor, dict[str, Any]]) -> None:
    with pytest.raises(PredictionError) as caught:
        reader[0].generate("QtßQ 7", 5)
    assert "'Q' (character 1), 'ß' (character 3), '7' (character 6) were not in the training split" in str(caught.value)
    assert len(caught.value.lines) == 1


def test_words_are_parsed_scored_and_generated_as_text() -> None:
    predictor, seen = trained(prose(2500), level="words", training__epochs=4)
    metrics = seen["finished"].metrics
    assert metrics["test_bits_per_word"] == pytest.approx(metrics["test_loss"] / np.log(2))
    assert 2.5 < metrics["test_bits_per_word"] / metrics["test_bits_per_character"] < 5.0
    text = predictor.generate("The cat sat.", 30, temperature=0.5)
    assert " ." not in text
    assert all(word.strip(".") in prose() for word in text.split())
    assert predictor.predict("the dog ran").contexts == (("the", "dog", "ran"),)
    assert predictor.example() in prose(2500)


def test_rare_words_of_a_large_vocabulary_are_unknown_and_reported() -> None:
    random = np.random.default_rng(0)
    words = [f"w{i}" for i in (random.pareto(0.8, 7_000) * 5).astype(int) % 20_000]
    _, seen = trained(" ".join(words), level="words", training__epochs=1, model__hidden_size=8, model__embedding_size=8)
    said = next(f for f in seen["findings"] if f.code == "unknown-symbols")
    assert "% of the scored words" in said.message
    assert seen["finished"].metrics["val_loss"] < np.log(5000)


def test_the_vocabulary_size_is_limited() -> None:
    words = [f"w{i}" for i in range(25_000)]
    task = LanguageModeling(experiment(model__embedding_size=4, model__hidden_size=4))
    table = symbol_table([words + words + words[:300] * 100], separator=" ")
    data = task.make_dataset(table, CPU)
    assert len(data.codec.vocabulary) == 20_001
    assert data.codec.vocabulary.knows("w0")


def test_a_text_with_the_unknown_character_is_accepted() -> None:
    task = LanguageModeling(experiment())
    data = task.make_dataset(text_table((UNKNOWN + "ab") * 200), CPU)
    assert data.codec.vocabulary.symbols == (UNKNOWN, "a", "b")


@pytest.mark.parametrize(("text", "line"), [("Too short to learn from.", "a text of 24 symbols is too short"),
                                             ("Long enough. " * 5, "a window of 64 .* need 65")])  # fmt: skip
def test_a_text_that_is_too_short_is_refused(text: str, line: str) -> None:
    with pytest.raises(DataError, match=line) as caught:
        LanguageModeling(experiment(data__window=64)).check(text_table(text))
    assert len(caught.value.lines) == 1


def test_a_model_that_does_not_generate_shows_probabilities() -> None:
    task = LanguageModeling(Experiment.make({"data": {"source": "alphabet", "task": "language-modeling", "window": 1}}))
    data = task.make_dataset(symbol_table([list("abc" * 50)]), CPU)
    assert task.metric == "accuracy"
    assert isinstance(task.preview(task.build_model(data.codec), data), SymbolsView)
    assert set(task.baseline_metrics(data, "val")) == {"most_frequent", "bigram"}  # what sees no more than one letter


@pytest.mark.parametrize(("text", "read"), [("Hello, world!", ("hello", ",", "world", "!")), ("x", ("x",)),
                                             ("hello\nworld", ("hello", "world"))])  # fmt: skip
def test_typed_words_are_tokenized_as_the_data(text: str, read: tuple[str, ...]) -> None:
    assert Vocabulary((UNKNOWN, "hello", "world", ",", "!"), " ").read(text) == read


def test_a_checkpoint_from_before_the_n_grams_is_still_scored() -> None:
    from seqcore.data.token_dataset import TokenCodec
    from seqcore.evaluation.baselines.ngram import NGrams

    pairs = np.array([[0.0, 0, 0], [0, 0, 9], [0, 8, 0]])
    codec = TokenCodec.from_dict(
        {"symbols": [UNKNOWN, "a", "b"], "separator": "", "tail": ["a"]},
        {"fitted.single": np.array([0.0, 9, 9]), "fitted.pairs": pairs},
    )
    logs, _ = NGrams(list(codec.ngrams), 3).log_prob(np.array([1, 2]), np.array([1]), np.array([1]), 2)
    assert logs[0] > np.log(0.9)
