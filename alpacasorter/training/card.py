"""The model card: what a bundle is made of and how good it is, in Markdown. It is always in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLUMNS = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "auc": "AUC", "ece": "ECE"}

_RETRAINED = (
    "the blocks after `block_12_add` retrained together with the head: {blend:.0%} of the mean of {runs} runs of "
    "{epochs} epochs (AdamW, learning rate {learning_rate:g}) plus the pretrained weights for the remainder; "
    "{scenes:.0%} of the samples were scenes composed of several photos"
)
_RETRAINED_HEAD = (
    "the output unit trained together with the last blocks, on the focused mean of the last feature map (1280 "
    "numbers); learning from corrections is regularized toward it with strength {l2:g}"
)
_RETRAINED_PROTOCOL = (
    "Each photo is judged by a network that was retrained without it and without its near-duplicates: {folds} folds, "
    "mean over {seeds} shuffles (± standard deviation). {photos} photos have a near-duplicate; they form {groups} "
    "groups, each kept in one fold. Probabilities are calibrated on the other folds. ECE is the expected calibration "
    "error over {ece_bins} bins. The retraining settings were chosen by the out-of-fold loss on these same photos, and "
    "label errors were not corrected: expect slightly lower figures on other people's photos."
)
_RETRAINED_SPLIT = (
    "The article's split puts near-duplicates on both sides, so its figures are optimistic; with only a fifth of the "
    "photos judged, they also vary a lot from shuffle to shuffle. They are the mean over three; all other photos were "
    "trained on."
)
_HEAD = (
    "logistic regression on the mean of the last feature map (1280 numbers), regularization {l2:g}; "
    "the exact optimum for the replay set in this folder"
)
_PROTOCOL = (
    "Each photo is judged by a head that was fitted to neither it nor a near-duplicate of it: {folds} folds, mean over "
    "{seeds} shuffles (± standard deviation). {photos} photos have a near-duplicate; they form {groups} groups, each "
    "kept in one fold. Probabilities are calibrated on the other folds. ECE is the expected calibration error over "
    "{ece_bins} bins. The regularization was chosen by the out-of-fold loss on these same photos, and label errors "
    "were not corrected: expect slightly lower figures on other people's photos."
)
_SPLIT = (
    "The article's split puts near-duplicates on both sides, so its figures are optimistic; with only a fifth of the "
    "photos judged, they also vary a lot from shuffle to shuffle. They are the mean over ten."
)
_ARTICLE_RULE = "the article's random 80/20 split"
_CHECKS = {
    "litert_keras_embedding": "largest difference of an embedding value between LiteRT and Keras, on photos",
    "head_scikit_learn": "largest difference of a head weight or the bias from scikit-learn's optimum",
}
_FITTED_HEAD = "- Head of the app: the exact optimum for the replay set in this folder, regularization {l2:.3g}"
_VARIED_HEAD = (
    "- Head of the app: the exact optimum for the training photos and augmented views, regularization {l2:.3g}"
)
_TRAINED_HEAD = (
    "- Head of the app: the output unit trained together with the layers before it; learning from corrections is "
    "regularized toward it with strength {l2:.3g}"
)
_HELD_OUT = (
    "{share:.0%} of the photos were held out (seed {seed}). Held-out photos with a near-duplicate in the training set, "
    "which makes the figures optimistic: {near_duplicates_across}. The best epoch was also chosen by its loss on the "
    "held-out photos. ECE is the expected calibration error over {ece_bins} bins."
)


def model_card(metadata: Mapping[str, Any], *, about: str) -> str:
    """Return the card in Markdown.

    Args:
        metadata: as for `write_bundle`, with "quality", "training" and "head" filled in.
        about: Markdown on where photos and backbone come from, on licenses and limits.
    """
    quality, training, protocol = metadata["quality"], metadata["training"], metadata["quality"]["protocol"]
    negative, positive = metadata["class_names"]
    shown = metadata["display_names"]
    near, origin = protocol["near_duplicates"], training["backbone"]
    retrained = "plan" in quality
    head, judgment = (_RETRAINED_HEAD, _RETRAINED_PROTOCOL) if retrained else (_HEAD, _PROTOCOL)
    how = f"; {_RETRAINED.format(**quality['plan'])}" if retrained else ""
    lines = [
        f"# Model card: {metadata['name']} {metadata['version']}",
        "",
        f"Distinguishes *{shown[positive]}* from *{shown[negative]}*.",
        f"Built {metadata['created']} by `python -m tools.model_maker.build_bundle`.",
        "",
        f"- Backbone: MobileNetV2 (alpha 1.0, no top), float32, {metadata['input_size']} px, from {origin}{how}",
        f"- Head: {head.format(l2=metadata['head']['l2'])}",
        f"- Weight of a correction: {metadata['learning']['correction_weight']:g}",
        "",
        "## Trained on",
        "",
        f"| source | {positive} | {negative} |",
        "|---|---|---|",
        *(f"| {name} | {photos['positive']} | {photos['negative']} |" for name, photos in training["photos"].items()),
        "",
        "## Measured",
        "",
        judgment.format(**protocol, photos=near["photos"], groups=near["groups"]),
        "",
        "| trained on | judged on | photos | " + " | ".join(_COLUMNS.values()) + " |",
        "|---|---|---|" + "---|" * len(_COLUMNS),
        *(_row("all", name, figures) for name, figures in quality["out_of_fold"].items()),
        *(_retrained_rows(quality) if retrained else _frozen_rows(quality)),
        "",
        _RETRAINED_SPLIT if retrained else _SPLIT,
    ]
    if quality.get("by_kind"):
        lines += [
            "",
            "By kind of photo, evaluated in the same way:",
            "",
            "| kind | photos | correct |",
            "|---|---|---|",
            *(
                f"| {kind} | {figures['n']} | {100 * figures['right']:.1f} % |"
                for kind, figures in quality["by_kind"].items()
            ),
        ]
    if quality["lookalikes"]:
        lines += [
            "",
            "## Look-alikes",
            "",
            f"Not used for training or for the figures above. How many the model labels *{shown[positive]}*:",
            "",
            "| kind | photos | labeled so |",
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
        *(
            f"- {text}: {_shown(quality['checks'][name])}"
            for name, text in _CHECKS.items()
            if name in quality["checks"]
        ),
        "",
        about.strip(),
        "",
    ]
    return "\n".join(lines)


def trained_card(metadata: Mapping[str, Any]) -> str:
    """Return the card, in Markdown, of a model that a user trained; `metadata` is from `report_text.metadata`."""
    quality, training, protocol = metadata["quality"], metadata["training"], metadata["quality"]["protocol"]
    negative, positive = metadata["class_names"]
    shown = metadata["display_names"]
    held_out = quality["held_out"]
    judged = {
        "held out, as the app uses it": held_out["as_used"],
        "held out, as trained by Keras": held_out["as_trained"],
        **({"held out, a plain model": held_out["plain"]} if "plain" in held_out else {}),
        **({"trained on, out of fold": quality["out_of_fold"]["all"]} if quality["out_of_fold"] else {}),
    }
    lines = [
        f"# Model card: {metadata['name']} {metadata['version']}",
        "",
        f"Distinguishes *{shown[positive]}* from *{shown[negative]}*.",
        f"Trained {metadata['created']} by `alpacasorter train`.",
        "",
        *(f"- {name}: {value}" for name, value in training["settings"].items()),
        f"- Epochs completed: {training['epochs']}",
        _head_of_trained(metadata),
        f"- Weight of a correction: {metadata['learning']['correction_weight']:g}",
        "",
        "## Trained on",
        "",
        f"| folder | {positive} | {negative} |",
        "|---|---|---|",
        *(f"| {name} | {photos['positive']} | {photos['negative']} |" for name, photos in training["photos"].items()),
        "",
        "## Measured",
        "",
        _HELD_OUT.format(**protocol),
        "",
        "| judged on | photos | " + " | ".join(_COLUMNS.values()) + " |",
        "|---|---|" + "---|" * len(_COLUMNS),
        *(
            f"| {name} | {figures['n']} | {' | '.join(_figure(figures, column) for column in _COLUMNS)} |"
            for name, figures in judged.items()
        ),
        "",
    ]
    return "\n".join(lines)


def _head_of_trained(metadata: Mapping[str, Any]) -> str:
    head, together = metadata["head"], metadata["network"]["dense"] or metadata["training"]["retrained_layers"]
    form = _TRAINED_HEAD if together else _VARIED_HEAD if head.get("varied") else _FITTED_HEAD
    return form.format(l2=head["l2"])


def _frozen_rows(quality: Mapping[str, Any]) -> list[str]:
    alone = [_row(name, name, figures) for name, figures in quality["trained_alone_out_of_fold"].items()]
    split = quality["trained_alone_article_split"].items()
    return [*alone, *(_row(name, f"{name}, {_ARTICLE_RULE}", figures) for name, figures in split if figures)]


def _retrained_rows(quality: Mapping[str, Any]) -> list[str]:
    return [
        _row("all others", f"{name}, {_ARTICLE_RULE}", figures) for name, figures in quality["article_split"].items()
    ]


def _row(trained: str, judged: str, figures: Mapping[str, Any]) -> str:
    cells = [_figure(figures, name) for name in _COLUMNS]
    return f"| {trained} | {judged} | {figures['n']} | " + " | ".join(cells) + " |"


def _figure(figures: Mapping[str, Any], name: str) -> str:
    if figures.get(name) is None:
        return "–"
    if name in ("accuracy", "balanced_accuracy"):
        if name + "_sd" not in figures:
            return f"{100 * figures[name]:.1f} %"
        return f"{100 * figures[name]:.1f} ± {100 * figures[name + '_sd']:.1f} %"
    return f"{figures[name]:.4f}" if name == "auc" else f"{figures[name]:.3f}"


def _shown(value: float | None) -> str:
    return "not checked" if value is None else f"{value:.1e}"
