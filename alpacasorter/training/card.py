"""The model card: what a bundle is made of and how good it is, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLUMNS = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "auc": "AUC", "ece": "ECE"}

_HEAD = (
    "logistic regression on the mean of the last feature map (1280 numbers), regularisation {l2:g}; "
    "the exact optimum for the replay set in this folder"
)
_PROTOCOL = (
    "Each photo is judged by a head that saw neither it nor a near-duplicate of it: {folds} folds, mean over {seeds} "
    "shuffles (± standard deviation over them). {photos} photos have a near-duplicate; they form {groups} groups, each "
    "kept in one fold. Probabilities are calibrated on the folds not judged. ECE is the calibration error over "
    "{ece_bins} bins. The regularisation was chosen by the out-of-fold loss on these same photos, and their labels are "
    "taken as they are: on photos of other people expect a little less."
)
_SPLIT = (
    "The article's split lets near-duplicates cross it, so its figures flatter; with a fifth of the photos judged they "
    "also vary much from shuffle to shuffle. They are the mean over ten."
)
_CHECKS = {
    "litert_keras_embedding": "largest difference of an embedding number between LiteRT and Keras, on photos",
    "head_scikit_learn": "largest difference of a head weight or the bias from scikit-learn's optimum",
}


def model_card(metadata: Mapping[str, Any], *, about: str) -> str:
    """Return the card in Markdown.

    Args:
        metadata: what `write_bundle` is given, with "quality", "training" and "head" filled in.
        about: Markdown by the maker: where photos and backbone come from, licences, limits.
    """
    quality, training, protocol = metadata["quality"], metadata["training"], metadata["quality"]["protocol"]
    negative, positive = metadata["class_names"]
    shown = metadata["display_names"]
    near, origin = protocol["near_duplicates"], training["backbone"]
    lines = [
        f"# Model card: {metadata['name']} {metadata['version']}",
        "",
        f"Tells *{shown[positive]}* from *{shown[negative]}*.",
        f"Built {metadata['created']} by `python -m alpacasorter.training.build_bundle`.",
        "",
        f"- Backbone: MobileNetV2 (alpha 1.0, no top), float32, {metadata['input_size']} px, from {origin}",
        f"- Head: {_HEAD.format(l2=metadata['head']['l2'])}",
        f"- One correction counts as {metadata['learning']['correction_weight']:g} training photos",
        "",
        "## Trained on",
        "",
        f"| source | {positive} | {negative} |",
        "|---|---|---|",
        *(f"| {name} | {photos['positive']} | {photos['negative']} |" for name, photos in training["photos"].items()),
        "",
        "## Measured",
        "",
        _PROTOCOL.format(**protocol, photos=near["photos"], groups=near["groups"]),
        "",
        "| trained on | judged on | photos | " + " | ".join(_COLUMNS.values()) + " |",
        "|---|---|---|" + "---|" * len(_COLUMNS),
        *(_row("all", name, figures) for name, figures in quality["out_of_fold"].items()),
        *(_row(name, name, figures) for name, figures in quality["trained_alone_out_of_fold"].items()),
        *(
            _row(name, f"{name}, the article's random 80/20 split", figures)
            for name, figures in quality["trained_alone_article_split"].items()
            if figures
        ),
        "",
        _SPLIT,
    ]
    if quality["lookalikes"]:
        lines += [
            "",
            "## Look-alikes",
            "",
            f"Left out of training and of the figures above. How many the model calls *{shown[positive]}*:",
            "",
            "| kind | photos | called so |",
            "|---|---|---|",
            *(
                f"| {kind} | {count['n']} | {count['called_positive']} |"
                for kind, count in quality["lookalikes"].items()
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


def _row(trained: str, judged: str, figures: Mapping[str, Any]) -> str:
    cells = [_figure(figures, name) for name in _COLUMNS]
    return f"| {trained} | {judged} | {figures['n']} | " + " | ".join(cells) + " |"


def _figure(figures: Mapping[str, Any], name: str) -> str:
    if name not in figures:
        return "–"
    if name in ("accuracy", "balanced_accuracy"):
        return f"{100 * figures[name]:.1f} ± {100 * figures[name + '_sd']:.1f} %"
    return f"{figures[name]:.4f}" if name == "auc" else f"{figures[name]:.3f}"


def _shown(value: float | None) -> str:
    return "not checked" if value is None else f"{value:.1e}"
