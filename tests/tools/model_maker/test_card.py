"""The model card: every figure where its reader looks for it."""

from tools.model_maker.card import model_card
from tools.model_maker.photo_table import ALPACAS_ONLY, WITH_LLAMAS


def figures(n, accuracy, **more):
    return {
        "n": n,
        "accuracy": accuracy,
        "balanced_accuracy": accuracy - 0.01,
        "auc": 0.9876,
        "log_loss": 0.1234,
        "ece": 0.0123,
        **more,
    }


def shares(*right):
    names = ("alpacas", "llamas and vicuñas", "everything else")
    return {
        name: {"n": 10 * place, "right": share, "right_95": [share - 0.05, share + 0.03]}
        for place, (name, share) in enumerate(zip(names, right, strict=True), 1)
    }


def card(*, runs=2, **changes):
    plan = {
        "epochs": 8,
        "learning_rate": 2e-4,
        "averaged": 0.4,
        "scenes": 0.3,
        "taught": 0.5,
        "imitation": 0.5,
    }
    all_photos = figures(100, 0.97, accuracy_sd=0.004, balanced_accuracy_95=[0.91, 0.985], auc_95=[0.97, 0.99])
    quality = {
        "out_of_fold": {"all": all_photos, "extra": figures(40, 0.95)},
        "teacher": figures(100, 0.98),
        "variants": [shares(0.95, 0.9, 0.96), shares(0.94, 0.7, 0.93)],
        "by_kind": {"dark alpacas": {"n": 12, "right": 0.8333}},
        "protocol": {"shuffles": 3, "folds": 5, "groups": 77, "near_duplicates": 4},
        "plans": {"teacher": {**plan, "epochs": 3}, "model": {**plan, "runs": runs, "share": 0.8}},
        "article": {},
        "earlier": [],
        "cost": {
            "plain": {"side": 224, "multiply_adds": 300_000_000},
            "model": {"side": 256, "multiply_adds": 390_000_000, "bytes": 8_870_000},
            "teacher": {"side": 300, "multiply_adds": 1_200_000_000},
        },
        "checks": {"litert_keras_embedding": 3.21e-6},
        **changes,
    }
    metadata = {
        "name": "Alpaca",
        "version": "3.0.0",
        "created": "2026-01-02",
        "input_size": 256,
        "training": {
            "backbone": "mobilenet_v2.npz",
            "photos": {"more": {WITH_LLAMAS: "75 / 351", ALPACAS_ONLY: "70 / 356"}},
        },
        "quality": quality,
    }
    return model_card(metadata, default=WITH_LLAMAS, about="## About\n\nOrigins.\n").splitlines()


def test_the_figures_are_in_their_tables():
    lines = card()
    for line in (
        "# Model card: Alpaca 3.0.0",
        "- Default variant: llamas and vicuñas count as alpacas, whose worst figure is better",
        "| more | 75 / 351 | 70 / 356 |",
        "| all | 100 | 97.0 ± 0.4 % | 96.0 % | 0.9876 | 0.1234 | 0.012 |",
        "| extra | 40 | 95.0 % | 94.0 % | 0.9876 | 0.1234 | 0.012 |",
        "| the teacher, all | 100 | 98.0 % | 97.0 % | 0.9876 | 0.1234 | 0.012 |",
        "| alpacas only | 94.0 % of 10 (89 to 97) | 70.0 % of 20 (65 to 73) | 93.0 % of 30 (88 to 96) |",
        "| dark alpacas | 12 | 83.3 % |",
        "| this one | 256 px | 390 M | 1.30 | 8.9 MB |",
        "| the teacher (not included) | 300 px | 1200 M | 4.00 |  |",
        "- largest difference of an embedding value between LiteRT and Keras, on photos: 3.2e-06",
        "## About",
    ):
        assert line in lines
    shown = ("95.0 % of 10 (90 to 98)", "90.0 % of 20 (85 to 93)", "96.0 % of 30 (91 to 99)")
    assert f"| llamas and vicuñas count as alpacas | {' | '.join(shown)} |" in lines
    text = "\n".join(lines)
    assert "balanced accuracy 91.0 to 98.5 %, AUC 0.9700 to 0.9900" in text
    assert "this one is a mean of 2." in text
    assert "retrained: 80% of the mean of 2 trainings of 8 epochs" in text
    assert "retrained for 3 epochs" in text
    assert "5 folds of 77 groups, mean ± standard deviation of 3 shuffles" in text
    assert lines[-1] == "Origins."
    alone = "\n".join(card(runs=1))
    assert "retrained: 80% of one training of 8 epochs" in alone
    assert "trained like this one" in alone


def test_every_row_of_a_table_has_the_columns_of_its_head():
    article = {"split": figures(65.0, 0.96), "folds": figures(327, 0.95)}
    columns = 0
    for line in card(article=article, earlier=[figures(40, 0.9, name="Alpaca 2.0.0", side=256, bytes=8_900_000)]):
        is_row = line.startswith("|")
        if is_row and columns:
            assert line.count("|") == columns
        columns = line.count("|") if is_row else 0


def test_what_was_not_measured_is_not_mentioned():
    assert not any("article's 80/20 split" in line or "Earlier bundles" in line for line in card())
    lines = card(
        article={"split": figures(65.0, 0.96), "folds": figures(327, 0.95)},
        earlier=[figures(40, 0.9, name="Alpaca 2.0.0", side=256, bytes=8_900_000)],
        protocol={"shuffles": 1, "folds": 5, "groups": 77, "near_duplicates": 4},
    )
    assert "| the article's 80/20 split | 65 | 96.0 % | 95.0 % | 0.9876 |" in lines
    assert "| five folds | 327 | 95.0 % | 94.0 % | 0.9876 |" in lines
    assert "| Alpaca 2.0.0 | 256 px | | | 8.9 MB |" in lines
    assert "| Alpaca 2.0.0 | 40 | 90.0 % | 89.0 % | 0.9876 | 0.1234 | 0.012 |" in lines
    assert "| this one, out of fold | 40 | 95.0 % | 94.0 % | 0.9876 | 0.1234 | 0.012 |" in lines
    assert any("77 groups, one shuffle" in line for line in lines)
