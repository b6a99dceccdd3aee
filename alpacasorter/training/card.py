"""The card of a model that a user trained: what it is made of and how good it is, in Markdown, always in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLUMNS = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "auc": "AUC", "ece": "ECE"}

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


def _figure(figures: Mapping[str, Any], name: str) -> str:
    if figures.get(name) is None:
        return "–"
    if name in ("accuracy", "balanced_accuracy"):
        if name + "_sd" not in figures:
            return f"{100 * figures[name]:.1f} %"
        return f"{100 * figures[name]:.1f} ± {100 * figures[name + '_sd']:.1f} %"
    return f"{figures[name]:.4f}" if name == "auc" else f"{figures[name]:.3f}"
