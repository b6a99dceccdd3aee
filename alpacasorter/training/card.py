"""The model card: what a bundle is made of and how good it is, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLUMNS = (("accuracy", "Accuracy"), ("balanced_accuracy", "Balanced accuracy"), ("auc", "AUC"), ("ece", "ECE"))


def model_card(metadata: Mapping[str, Any], *, about: str) -> str:
    """Return the card in Markdown.

    Args:
        metadata: what `write_bundle` is given, with "quality", "training" and "head" filled in.
        about: Markdown by the maker: where photos and backbone come from, licences, limits.
    """
    quality, training = metadata["quality"], metadata["training"]
    positive = metadata["display_names"][metadata["class_names"][1]]
    protocol = quality["protocol"]
    lines = [
        f"# Model card: {metadata['name']} {metadata['version']}",
        "",
        f"Tells *{positive}* from *{metadata['display_names'][metadata['class_names'][0]]}*. Built {metadata['created']} by "
        "`python -m alpacasorter.training.build_bundle`.",
        "",
        f"- Backbone: MobileNetV2 (alpha 1.0, no top), {metadata['input_size']} px, float32, from {training['backbone']}",
        "- Head: logistic regression on the mean of the last feature map (1280 numbers), regularisation "
        f"{metadata['head']['l2']:g}, chosen by out-of-fold log-loss; the exact optimum for the replay set in this folder",
        f"- One correction counts as {metadata['learning']['correction_weight']:g} training photos",
        "",
        "## Trained on",
        "",
        f"| source | {metadata['class_names'][1]} | {metadata['class_names'][0]} |",
        "|---|---|---|",
        *(f"| {name} | {counts['positive']} | {counts['negative']} |" for name, counts in training["photos"].items()),
        "",
        "## Measured",
        "",
        f"Each photo is judged by a head that saw neither it nor a near-duplicate of it: {protocol['folds']} folds, mean over "
        f"{protocol['seeds']} shuffles (± standard deviation over them). {protocol['near_duplicates']['photos']} photos have a "
        f"near-duplicate; they form {protocol['near_duplicates']['groups']} groups, each kept in one fold. Probabilities are "
        f"calibrated on the folds not judged. ECE is the calibration error over {protocol['ece_bins']} bins. The regularisation "
        "was chosen, and the photos' labels are trusted, on these same photos: on photos of other people expect a little less.",
        "",
        "| trained on | judged on | photos | " + " | ".join(title for _, title in _COLUMNS) + " |",
        "|---|---|---|" + "---|" * len(_COLUMNS),
    ]
    lines += [_row("all", name, figures) for name, figures in quality["out_of_fold"].items()]
    lines += [_row(name, name, figures) for name, figures in quality["trained_alone_out_of_fold"].items()]
    lines += [
        _row(name, f"{name}, the article's random 80/20 split", figures)
        for name, figures in quality["trained_alone_article_split"].items()
        if figures
    ]
    lines += ["", "The article's split lets near-duplicates cross it, so its figures flatter."]
    if quality["lookalikes"]:
        lines += [
            "",
            "## Look-alikes",
            "",
            f"Left out of training and of the figures above. How many of them the model calls *{positive}*:",
            "",
            "| kind | photos | called so |",
            "|---|---|---|",
            *(
                f"| {kind} | {facts['n']} | {facts['called_positive']} |"
                for kind, facts in quality["lookalikes"].items()
            ),
        ]
    lines += [
        "",
        "## Checked when built",
        "",
        *(f"- {text}: {_shown(quality['checks'][name])}" for name, text in _CHECKS.items()),
        "",
        about.strip(),
        "",
    ]
    return "\n".join(lines)


_CHECKS = {
    "litert_keras_embedding": "largest difference of an embedding number between LiteRT and Keras, on photos",
    "head_scikit_learn": "largest difference of a head weight or the bias from scikit-learn's optimum",
}


def _row(trained: str, judged: str, figures: Mapping[str, Any]) -> str:
    cells = [_figure(figures, name) for name, _ in _COLUMNS]
    return f"| {trained} | {judged} | {figures['n']} | " + " | ".join(cells) + " |"


def _figure(figures: Mapping[str, Any], name: str) -> str:
    if name not in figures:
        return "–"
    if name in ("accuracy", "balanced_accuracy"):
        return f"{100 * figures[name]:.1f} ± {100 * figures[name + '_sd']:.1f} %"
    return f"{figures[name]:.4f}" if name == "auc" else f"{figures[name]:.3f}"


def _shown(value: float | None) -> str:
    return "not checked" if value is None else f"{value:.1e}"
