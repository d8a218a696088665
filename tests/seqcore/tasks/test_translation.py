"""Translation: attention, padding, beam search, unknown words, metrics and resuming."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
import pytest
import torch

from seqcore.data.parallel_text import pairs_table
from seqcore.data.parallel_text_codec import sentence_of
from seqcore.data.table import Table
from seqcore.data.token_dataset import NOT_SCORED
from seqcore.errors import DataError, ExperimentError, PredictionError
from seqcore.evaluation.baselines.nearest_sentence import nearest_translations
from seqcore.evaluation.metrics import Evaluation
from seqcore.events import CheckpointReady, Epoch, Event, Finding, Finished, Preview, Started, Steps, event_from_dict
from seqcore.experiment.config import ModelConfig
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.models import MODELS, capabilities_of
from seqcore.models.beam_search import beam_search
from seqcore.models.encoder_decoder import EncoderDecoder
from seqcore.results import Translated, TranslationView
from seqcore.tasks.model_summary import summarize
from seqcore.tasks.translation import Translation, teacher_forcing_ratio
from seqcore.tasks.translation_eval import translation_metrics
from seqcore.training.checkpoint import unpack
from seqcore.training.control import Control
from seqcore.training.fit import check, fit

E = TypeVar("E")
ATTENTIONS = ("additive", "multiplicative", "none")
PAIRS = [
    ("I go.", "Je vais."),
    ("You go.", "Tu vas."),
    ("He sees the dog.", "Il voit le chien."),
    ("She sees the cat.", "Elle voit le chat."),
    ("Do you see the dog?", "Est-ce que tu vois le chien ?"),
    ("I don't see the cat.", "Je ne vois pas le chat."),
    ("We like water.", "Nous aimons l'eau."),
    ("They like the old trees and the dog.", "Ils aiment les vieux arbres et le chien."),
]
TINY = {
    "data.task": "translation",
    "data.validation_fraction": 0.0,
    "data.test_fraction": 0.0,
    "model.architecture": "gru",
    "model.hidden_size": 32,
    "training.epochs": 40,
    "training.batch_size": 4,
    "training.learning_rate": 0.02,
}


def tiny(changes: dict[str, Any] | None = None) -> Experiment:
    return Experiment.make().with_changes({**TINY, **(changes or {})})


def table(pairs: list[tuple[str, str]] = PAIRS) -> Table:
    return pairs_table(pairs, name="pairs")


def of(events: Iterable[Event], kind: type[E]) -> list[E]:
    return [e for e in events if isinstance(e, kind)]


def trained(changes: dict[str, Any] | None = None, pairs: list[tuple[str, str]] = PAIRS) -> tuple[Finished, Predictor]:
    events = list(fit(tiny(changes), data=table(pairs)))
    return of(events, Finished)[0], Predictor.from_checkpoint(of(events, CheckpointReady)[-1].content)


@pytest.fixture(scope="module")
def learned() -> tuple[Finished, Predictor]:
    return trained()


def model(attention: str = "additive", architecture: str = "lstm", **changes: Any) -> EncoderDecoder:
    torch.manual_seed(0)
    config = ModelConfig(attention=attention, architecture=architecture, hidden_size=12, **changes)
    return EncoderDecoder(20, 16, config, window=9).eval()


SHORT, LONG = torch.tensor([[3, 7, 5]]), torch.tensor([[4, 9, 2, 11, 6, 1, 8]])
TOGETHER = torch.cat([torch.cat([SHORT, torch.full((1, 4), 19)], dim=1), LONG])
LENGTHS = torch.tensor([3, 7])


READERS = [
    (name, both)
    for name in MODELS
    if capabilities_of(name).packed
    for both in (False, True)[: 1 + capabilities_of(name).bidirectional]
]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_attention_weights_sum_to_one_and_exclude_padding(attention: str, bidirectional: bool) -> None:
    net = model(attention, bidirectional=bidirectional)
    memory, state = net.encode(TOGETHER, LENGTHS)
    _, _, weights = net.decode(torch.tensor([[15, 3, 4], [15, 2, 1]]), state, memory)
    assert weights is not None
    assert weights.shape == (2, 3, 7)
    assert torch.all(weights[0, :, 3:] == 0)
    assert torch.allclose(weights[0, :, :3].sum(dim=-1), torch.ones(3))
    assert torch.allclose(weights[1].sum(dim=-1), torch.ones(3))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize(("architecture", "bidirectional"), READERS)
def test_padding_does_not_change_logits(architecture: str, attention: str, bidirectional: bool) -> None:
    net = model(attention, architecture, bidirectional=bidirectional, num_layers=2)
    given = torch.tensor([[15, 3, 4, 7]])
    both, _ = net(TOGETHER, None, LENGTHS, given.expand(2, -1))
    assert torch.allclose(both[0], net(SHORT, None, None, given)[0][0], atol=1e-6)
    assert torch.allclose(both[1], net(LONG, None, None, given)[0][0], atol=1e-6)
    other = TOGETHER.clone()
    other[0, 3:] = 2
    assert torch.equal(both, net(other, None, LENGTHS, given.expand(2, -1))[0])


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("beam", [1, 3])
def test_a_translation_does_not_depend_on_the_batch(attention: str, beam: int) -> None:
    net = model(attention)
    together = beam_search(net, TOGETHER, LENGTHS, beam=beam)
    alone = beam_search(net, SHORT, None, beam=beam)[0], beam_search(net, LONG, None, beam=beam)[0]
    longest = 10 + 3 * 3 // 2  # what a short sentence alone may have at most
    assert together[0].codes[:longest] == alone[0].codes[:longest]
    assert together[1].codes == alone[1].codes


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_beam_search_is_never_worse_than_greedy_decoding(attention: str) -> None:
    for seed in range(3):
        torch.manual_seed(seed)
        net = EncoderDecoder(20, 16, ModelConfig(attention=attention, hidden_size=12), window=9).eval()
        with torch.no_grad():
            net.head.weight.mul_(6.0)
        greedy, wide = beam_search(net, TOGETHER, LENGTHS), beam_search(net, TOGETHER, LENGTHS, beam=4)
        assert all(b.score >= a.score - 1e-5 for a, b in zip(greedy, wide, strict=True))


@pytest.mark.parametrize("beam", [1, 4])
def test_the_score_of_a_translation_is_the_sum_of_its_words_by_its_length(
    learned: tuple[Finished, Predictor], beam: int
) -> None:
    net = learned[1].model
    assert isinstance(net, EncoderDecoder)
    sentence = torch.tensor([[1, 2, 3]])
    found = beam_search(net, sentence, None, beam=beam)[0]
    assert 0 < len(found.codes) < 10  # it ends, and not at once
    words = [*found.codes, net.end]
    with torch.no_grad():
        outputs = net(sentence, None, None, torch.tensor([[net.end, *found.codes]]))[0][0]
    scores = torch.log_softmax(outputs.double(), dim=-1)
    total = sum(float(scores[i, code]) for i, code in enumerate(words))
    assert found.score == pytest.approx(total / ((5 + len(words)) / 6) ** 0.6, abs=1e-4)


def test_the_unknown_token_is_only_generated_for_unknown_words() -> None:
    net = model()
    with torch.no_grad():
        net.head.bias[0] += 50.0
    found = beam_search(net, TOGETHER, LENGTHS, unknown=torch.tensor([False, True]))
    assert 0 not in found[0].codes
    assert set(found[1].codes) == {0}
    assert all(0 not in f.codes for f in beam_search(net, TOGETHER, LENGTHS))


@pytest.mark.parametrize(
    "changes",
    [
        {"model.architecture": "lstm", "model.attention": "multiplicative", "model.bidirectional": True},
        {"model.architecture": "gru", "model.attention": "none", "model.beam": 3},
        {"model.architecture": "rnn", "model.attention": "additive"},
        {
            "training.teacher_forcing": 1.0,
            "training.teacher_forcing_end": 0.3,
            "training.forcing_schedule": "inverse-sigmoid",
        },
    ],
    ids=["multiplicative", "without attention", "plain", "forced less and less"],
)
def test_a_few_pairs_are_memorized(changes: dict[str, Any]) -> None:
    finished, predictor = trained(changes)
    assert finished.metrics["train_exact"] == 1.0
    assert finished.metrics["train_bleu"] == pytest.approx(100.0)
    assert [predictor.predict(e).sentences[0].text for e, _ in PAIRS] == [f for _, f in PAIRS]  # type: ignore[union-attr]


def test_case_and_final_punctuation_are_optional(learned: tuple[Finished, Predictor]) -> None:
    _, predictor = learned
    for given, wanted in (("do you see the dog", "Est-ce que tu vois le chien ?"), ("i GO", "Je vais.")):
        view = predictor.predict(given)
        assert isinstance(view, TranslationView)
        assert view.sentences[0].text == wanted
        assert predictor.check_input(given) == []


def test_attention_has_one_row_per_target_word_and_one_column_per_source_word(
    learned: tuple[Finished, Predictor],
) -> None:
    view = learned[1].predict("I don't see the cat.")
    assert isinstance(view, TranslationView)
    sentence = view.sentences[0]
    assert sentence.source == ("I", "do", "n't", "see", "the", "cat", ".")
    assert sentence.attention is not None
    assert sentence.attention.shape == (len(sentence.prediction), len(sentence.source))
    assert np.allclose(sentence.attention.sum(axis=1), 1.0, atol=0.01)


def test_exactly_the_unknown_words_are_reported(learned: tuple[Finished, Predictor]) -> None:
    view = learned[1].predict("She sees the Zebra.")
    assert isinstance(view, TranslationView)
    assert view.sentences[0].unknown == ("Zebra",)
    assert "Zebra" in " ".join(f.sentence for f in learned[1].check_input("She sees the Zebra."))
    assert "cat" not in " ".join(f.sentence for f in learned[1].check_input("She sees the Zebra, cat."))
    assert learned[1].check_input("She sees the cat.") == []


def test_an_unknown_word_is_copied_where_training_translations_copy_it() -> None:
    names = ["Ann", "Bob", "Carl", "Dora", "Emil", "Fritz", "Gina", "Hugo"]
    pairs = [(f"{n} sees the {w}.", f"{n} voit le {f}.") for n in names for w, f in (("dog", "chien"), ("cat", "chat"))]
    pairs += [(f"The {w} sees x{i}.", f"Le {f} voit x{i}.") for i, (w, f) in enumerate([("dog", "chien")] * 12)]
    _, predictor = trained({"data.min_count": 2, "training.epochs": 20}, pairs)
    view = predictor.predict("The dog sees Wolfgang.")
    assert isinstance(view, TranslationView)
    assert view.sentences[0].text == "Le chien voit Wolfgang."
    assert view.sentences[0].unknown == ("Wolfgang",)


def test_a_beam_is_chosen_when_predicting(learned: tuple[Finished, Predictor], monkeypatch: pytest.MonkeyPatch) -> None:
    widths = []

    def noted(*args: Any, beam: int, **others: Any) -> Any:
        widths.append(beam)
        return beam_search(*args, beam=beam, **others)

    monkeypatch.setattr("seqcore.tasks.translation_eval.beam_search", noted)
    for beam in (None, 1, 4):
        view = learned[1].predict("I don't see the cat.", beam=beam)
        assert isinstance(view, TranslationView)
        assert 0.0 < (view.sentences[0].probability or 0.0) <= 1.0
    assert widths == [learned[1].experiment.model.beam, 1, 4]
    with pytest.raises(ExperimentError, match=r"model\.beam"):
        learned[1].predict("I see the cat.", beam=0)


def test_the_probability_is_the_mean_of_the_words() -> None:
    model = EncoderDecoder(4, 4, Experiment().with_changes({"model.hidden_size": 8}).model, window=4).eval()
    codes = torch.tensor([[1, 2, 3]])
    (found,) = beam_search(model, codes, None)
    longest = 10 + 3 * codes.shape[1] // 2
    wanted = [*found.codes, model.end][:longest]  # the end counts where it was written
    scores, _ = model(codes, None, None, torch.tensor([[model.end, *wanted[:-1]]]))
    chances = torch.log_softmax(scores[0].detach(), -1)
    chosen = [float(chances[i, code]) for i, code in enumerate(wanted)]
    assert found.probability == pytest.approx(float(np.exp(np.mean(chosen))), rel=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [("", "nothing to translate"), ("?!", "no word to translate"), ("a " * 300, "words are too many")],
)
def test_invalid_sentences_are_refused_in_one_line(
    learned: tuple[Finished, Predictor], given: str, message: str
) -> None:
    with pytest.raises(PredictionError, match=message):
        learned[1].predict(given)


def test_a_predictor_evaluates_new_sentence_pairs(learned: tuple[Finished, Predictor]) -> None:
    evaluation = learned[1].evaluate(table([("I go.", "Je vais."), ("She sees the dog.", "Elle voit le chien.")]))
    assert evaluation.windows == 2
    assert evaluation.metrics["exact"] >= 0.5
    assert set(evaluation.baselines) == {"nearest_sentence"}
    assert evaluation.baselines["nearest_sentence"]["exact"] == 0.5  # the first is remembered; nothing is left out


def test_the_nearest_sentence_is_never_the_sentence_itself() -> None:
    pairs = [("a red dog", "x1"), ("a red cat", "x2"), ("the blue house here", "x3"), ("the blue house there", "x4")]
    data = Translation(tiny()).make_dataset(table(pairs), torch.device("cpu"))
    assert nearest_translations(data, "train", np.arange(4)) == ["x2", "x1", "x4", "x3"]
    new = Translation(tiny()).make_dataset(
        table([("blue house", "?"), ("one red cat", "?")]), torch.device("cpu"), data.codec
    )
    assert nearest_translations(new, "train", np.arange(2))[1] == "x2"


def test_metrics_equal_sacrebleu() -> None:
    truth = ["Je vois le chien noir.", "Il fait beau."]
    assert translation_metrics(truth, truth) == pytest.approx({"bleu": 100.0, "chrf": 100.0, "exact": 1.0})
    some = translation_metrics(["Je vois le chat noir.", "Il fait beau."], truth)
    assert 0 < some["bleu"] < 100
    assert some["exact"] == 0.5
    characters = translation_metrics(["我很高兴认识你"], ["我很高兴认识他"])
    assert characters["bleu"] > 50  # word by word there would be nothing in common


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("constant", [0.9, 0.9, 0.9]), ("linear", [0.9, 0.5, 0.1]), ("inverse-sigmoid", [0.9, 0.5, 0.1])],
)
def test_teacher_forcing_goes_from_its_start_to_its_end(schedule: str, shares: list[float]) -> None:
    plan = tiny(
        {"training.teacher_forcing": 0.9, "training.teacher_forcing_end": 0.1, "training.forcing_schedule": schedule}
    )
    assert [teacher_forcing_ratio(plan, p) for p in (0.0, 0.5, 1.0)] == pytest.approx(shares)
    course = [teacher_forcing_ratio(plan, p) for p in np.linspace(0, 1, 21)]
    assert course == sorted(course, reverse=True)


@torch.no_grad()
def test_full_teacher_forcing_step_by_step_equals_one_pass() -> None:
    plan = tiny({"model.dropout": 0.0, "training.teacher_forcing": 0.9999999})
    task = Translation(plan)
    data = task.make_dataset(table(), torch.device("cpu"))
    torch.manual_seed(1)
    net = task.build_model(data.codec)
    batch = data.batch("train", np.arange(len(PAIRS)))
    one_by_one, _ = task.forward(net.train(), batch, None, 0.0)
    at_once, _ = task.forward(net.eval(), batch, None, 0.0)
    assert torch.allclose(one_by_one, at_once, atol=1e-5)
    assert float(task.loss(one_by_one, batch)) == pytest.approx(float(task.loss(at_once, batch)), abs=1e-5)


@torch.no_grad()
def test_the_loss_counts_words_and_not_padding() -> None:
    task = Translation(tiny())
    data = task.make_dataset(table(), torch.device("cpu"))
    net = task.build_model(data.codec).eval()
    whole = data.batch("train", np.arange(len(PAIRS)))
    outputs, _ = task.forward(net, whole, None, 1.0)
    total, words = 0.0, 0
    for i in range(len(PAIRS)):
        batch = data.batch("train", np.array([i]))
        alone, _ = task.forward(net, batch, None, 1.0)
        count = int((batch.targets != NOT_SCORED).sum())
        total += float(task.loss(alone, batch)) * count
        words += count
    assert float(task.loss(outputs, whole)) == pytest.approx(total / words, rel=1e-5)


HARD = {
    "forced less and less": {
        "training.teacher_forcing_end": 0.2,
        "training.forcing_schedule": "linear",
        "model.dropout": 0.3,
        "model.num_layers": 2,
    },
    "both ways": {"model.bidirectional": True, "model.attention": "multiplicative", "model.architecture": "lstm"},
}


@pytest.mark.parametrize("changes", HARD.values(), ids=HARD.keys())
def test_a_run_resumed_anywhere_has_the_same_bits(changes: dict[str, Any]) -> None:
    plan = tiny({"training.epochs": 3, "data.validation_fraction": 0.25, **changes})
    whole = list(fit(plan, data=table()))
    control, cut = Control(), []
    for event in fit(plan, data=table(), control=control):
        cut.append(event)
        if isinstance(event, Epoch) and event.epoch == 1:
            control.save()
        if isinstance(event, CheckpointReady) and event.epoch == 1:
            break
    rest = list(fit(plan, data=table(), resume=of(cut, CheckpointReady)[-1].content))
    ends = [unpack(of(events, CheckpointReady)[-1].content).tensors for events in (whole, rest)]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    losses = [np.concatenate([e.loss for e in of(events, Steps)])[-4:].tolist() for events in (whole, rest)]
    assert losses[0] == losses[1]
    assert of(whole, Finished)[0].metrics == of(rest, Finished)[0].metrics


def test_events_have_previews_metrics_and_baselines_and_round_trip_through_json() -> None:
    events = list(fit(tiny({"training.epochs": 2, "data.validation_fraction": 0.25}), data=table()))
    started, finished = of(events, Started)[0], of(events, Finished)[0]
    assert started.metric == "bleu"
    assert started.reference_baseline == "nearest_sentence"
    assert {"val_bleu", "val_chrf", "val_exact"} <= set(started.baselines["nearest_sentence"])
    assert {"val_bleu", "val_chrf", "val_exact", "val_loss", "val_perplexity"} <= set(finished.metrics)
    assert all(math.isfinite(value) for value in finished.metrics.values())
    preview = of(events, Preview)[-1]
    again = event_from_dict(json.loads(json.dumps(preview.to_dict())))
    assert isinstance(again, Preview)
    assert isinstance(again.view, TranslationView)
    assert again.view.sentences[0].truth is not None
    assert again.view.sentences[0].attention is not None


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_summary_counts_the_parameters_of_the_model_that_is_built(attention: str, bidirectional: bool) -> None:
    plan = tiny({"model.attention": attention, "model.bidirectional": bidirectional, "model.num_layers": 2})
    summary = summarize(plan, table())
    started = next(event for event in fit(plan, data=table()) if isinstance(event, Started))
    assert summary.parameters == started.parameters == sum(layer["parameters"] for layer in summary.layers)
    names = [layer["name"] for layer in summary.layers]
    assert ("attention" in names) == (attention != "none")


def test_invalid_tables_are_refused_before_training() -> None:
    with pytest.raises(DataError, match="translation needs sentence pairs"):
        check(Experiment.make().with_changes({"data.source": "alphabet", "data.task": "translation"}))
    with pytest.raises(ExperimentError, match="each sequence is processed as a whole"):
        tiny({"training.stateful": True, "training.shuffle": False})


def test_noisy_pairs_of_mixed_lengths_train_within_memory_bounds() -> None:
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in (rng.zipf(1.4, 6000) % 3000).tolist()]
    pairs = []
    for i in range(150):
        n = int(rng.integers(1, 60)) if i % 10 == 0 else int(rng.integers(1, 9))
        some = rng.choice(words, n).tolist()
        pairs.append((" ".join(some) + ".", " ".join(w.upper() for w in some[::-1]) + " !"))
    plan = tiny(
        {"data.validation_fraction": 0.2, "data.test_fraction": 0.2, "training.epochs": 1, "data.vocabulary": 100}
    )
    events = list(fit(plan, data=table(pairs)))
    finished = of(events, Finished)[0]
    assert finished.status == "completed"
    assert math.isfinite(finished.metrics["test_bleu"])
    predictor = Predictor.from_checkpoint(of(events, CheckpointReady)[-1].content)
    assert len(predictor.symbols) == 100


def test_a_parallel_table_returns_its_sentences() -> None:
    data = Translation(tiny()).make_dataset(table(), torch.device("cpu"))
    assert [(sentence_of(data.table, i), sentence_of(data.targets, i)) for i in range(len(PAIRS))] == PAIRS


def test_batches_have_similar_lengths_and_cover_all_sentences_once() -> None:
    rng = np.random.default_rng(0)
    pairs = [(" ".join(["a"] * int(rng.integers(1, 40))) + f" b{i}", f"c{i}") for i in range(600)]
    plan = tiny({"training.batch_size": 16, "data.min_count": 1})
    data = Translation(plan).make_dataset(table(pairs), torch.device("cpu"))
    seen, used, room = [], 0, 0
    for numbers, _ in data.batches("train", plan.training, epoch=0):
        lengths = data.windows["train"].locate(numbers)[1]
        seen += numbers.tolist()
        used, room = used + int(lengths.sum()), room + int(lengths.max()) * len(numbers)
    assert sorted(seen) == list(range(len(data.windows["train"])))
    assert used > 0.9 * room


@pytest.mark.parametrize(
    ("answers", "bleu", "code"),
    [(1, 5.0, "identical-predictions"), (20, 15.0, "nearest-sentence-better"), (20, 60.0, None)],
)
def test_findings_describe_a_poor_translation_model(answers: int, bleu: float, code: str | None) -> None:
    task = Translation(tiny())
    data = task.make_dataset(table(), torch.device("cpu"))
    said = tuple(Translated((f"s{i}",), (f"t{i % answers}",), text=f"t{i % answers}") for i in range(20))
    nearest = {"nearest_sentence": {"bleu": 20.0, "chrf": 30.0, "exact": 0.0}}
    evaluation = Evaluation({"bleu": bleu}, TranslationView(said), 20, 20, nearest)
    found = [finding.code for finding in task.diagnose(evaluation, data, "train")]
    assert found == ([] if code is None else [code])


def test_a_finding_counts_unknown_words() -> None:
    plan = tiny({"data.validation_fraction": 0.3, "training.epochs": 1})
    pairs = [(f"the word{i} is here", f"le mot{i} est ici") for i in range(40)]
    findings = {finding.code: finding for finding in of(fit(plan, data=table(pairs)), Finding)}
    assert "25.0% of the words" in findings["unknown-words"].message
