"""The model card of the bundled model, in Markdown: what it is made of and how good it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.model_maker.photo_table import VARIANTS

_COLUMNS = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "auc": "AUC",
    "log_loss": "Log loss",
    "ece": "ECE",
}
_TITLES = {"llamas-count": "llamas and vicuñas count as alpacas", "alpacas-only": "alpacas only"}
_BACKBONE = (
    "- Backbone: MobileNetV2 (alpha 1.0, no top), float32, {side} px, from {origin}; the blocks after `block_10` "
    "retrained: {share:.0%} of {trainings} of {epochs} epochs (AdamW, learning rate {learning_rate:g}; of "
    "each the mean of the weights over the last {averaged:.0%} of its steps), plus the pretrained weights for the "
    "remainder; {scenes:.0%} of the samples were scenes composed of several photos"
)
_TEACHER = (
    "- Teacher, not included: EfficientNet-Lite2 at 300 px, a linear head on its frozen embeddings and the same "
    "network with its last blocks retrained for {of_teacher} epochs, logits averaged; {taught:.0%} of each label comes "
    "from it, all of it for photos without a label, and its embedding is imitated (weight {imitation:g})"
)
_HEADS = (
    "- Heads: one output unit for each variant, trained together with the last blocks, on the focused mean of the last "
    "feature map (1280 numbers)"
)
_CHECK = "- largest difference of an embedding value between LiteRT and Keras, on photos: {difference:.1e}"
_ARTICLE = (
    "On the article's photos, with all others trained on (its split ignores near-duplicates, mean of three; the folds "
    "keep them together), not calibrated:"
)
_PROTOCOL = (
    "Each photo is judged by a model that was trained without it, without its near-duplicates, and without any photo "
    "of its source, labeled or not: {folds} folds of {groups} groups, {shuffles}. The 327 photos of `article` are one "
    "source. Probabilities are calibrated on the other folds. ECE is the expected calibration error over 15 bins of "
    "equally many photos. Labels are those of the folders; two independent passes over the animals found three "
    "photos in `article/alpaca` without a camelid (lambs and a sculpture), which count as wrong here. How to train was "
    "chosen by the log loss of the first shuffle. {alike}"
)


def model_card(metadata: Mapping[str, Any], *, default: str, about: str) -> str:
    """Return the card.

    Args:
        metadata: as for `write_bundle`, with the figures of `quality.measure` and what the builder adds.
        default: the default variant.
        about: Markdown on origins, licenses and limits.
    """
    quality = metadata["quality"]
    protocol, plans = quality["protocol"], quality["plans"]
    figures = quality["out_of_fold"]
    shuffles = (
        "one shuffle" if protocol["shuffles"] == 1 else f"mean ± standard deviation of {protocol['shuffles']} shuffles"
    )
    runs = plans["model"]["runs"]
    trainings, alike = "one training", "The models judged were trained like this one."
    if runs > 1:
        trainings = f"the mean of {runs} trainings"
        alike = f"The models judged are of a single training, and this one is a mean of {runs}."
    lines = [
        f"# Model card: {metadata['name']} {metadata['version']}",
        "",
        "Distinguishes *Alpaca* from *Not alpaca*, in two variants: llamas and vicuñas count as alpacas, or don't.",
        f"Built {metadata['created']} by `python -m tools.model_maker.build_bundle`.",
        "",
        _BACKBONE.format(
            side=metadata["input_size"],
            origin=metadata["training"]["backbone"],
            trainings=trainings,
            **plans["model"],
        ),
        _TEACHER.format(of_teacher=plans["teacher"]["epochs"], **plans["model"]),
        _HEADS,
        f"- Default variant: {_TITLES[default]}, whose worst figure is better",
        "",
        "## Trained on",
        "",
        "Photos with the label *Alpaca* / *Not alpaca* in each variant:",
        "",
        "| folder | " + " | ".join(_TITLES[name] for name in VARIANTS) + " |",
        "|---|" + "---|" * len(VARIANTS),
        *(
            f"| {folder} | " + " | ".join(counts[name] for name in VARIANTS) + " |"
            for folder, counts in metadata["training"]["photos"].items()
        ),
        "",
        "## Measured on sources it has not seen",
        "",
        _PROTOCOL.format(folds=protocol["folds"], groups=protocol["groups"], shuffles=shuffles, alike=alike),
        "",
        "| judged | photos | " + " | ".join(_COLUMNS.values()) + " |",
        "|---|---|" + "---|" * len(_COLUMNS),
        *(_row(name, each) for name, each in figures.items()),
        _row("the teacher, all", quality["teacher"]),
        "",
        _interval(figures["all"]),
        "",
        *_other_tables(quality),
        "## Llamas and vicuñas",
        "",
        "Measured in the same way, also on the look-alikes, which are in no figure above:",
        "",
        "| variant | alpacas right | llamas and vicuñas right | everything else right |",
        "|---|---|---|---|",
        *(
            f"| {_TITLES[name]} | " + " | ".join(_share(each) for each in of_variant.values()) + " |"
            for name, of_variant in zip(VARIANTS, quality["variants"], strict=True)
        ),
        "",
        "## By kind of photo",
        "",
        "| kind | photos | right |",
        "|---|---|---|",
        *(f"| {kind} | {each['n']} | {100 * each['right']:.1f} % |" for kind, each in quality["by_kind"].items()),
        "",
        "## Cost and size",
        "",
        "| network | input | multiply-adds per photo | times plain | file |",
        "|---|---|---|---|---|",
        *_costs(quality["cost"], quality["earlier"]),
        "",
        "## Checked when built",
        "",
        _CHECK.format(difference=quality["checks"]["litert_keras_embedding"]),
        "",
        about.strip(),
        "",
    ]
    return "\n".join(lines)


def _other_tables(quality: Mapping[str, Any]) -> Sequence[str]:
    lines: list[str] = []
    if quality["article"]:
        lines += [
            _ARTICLE,
            "",
            "| judged | photos | Accuracy | Balanced accuracy | AUC |",
            "|---|---|---|---|---|",
        ]
        for name, title in (("split", "the article's 80/20 split"), ("folds", "five folds")):
            each = quality["article"][name]
            cells = (f"{100 * each[key]:.1f} %" for key in ("accuracy", "balanced_accuracy"))
            lines.append(f"| {title} | {each['n']:.0f} | {' | '.join(cells)} | {each['auc']:.4f} |")
        lines.append("")
    if quality["earlier"]:
        lines += [
            "Earlier bundles as they were shipped, on `extra`, which none of them was trained on:",
            "",
            "| bundle | photos | " + " | ".join(_COLUMNS.values()) + " |",
            "|---|---|" + "---|" * len(_COLUMNS),
            *(_row(each["name"], each) for each in quality["earlier"]),
            _row("this one, out of fold", quality["out_of_fold"]["extra"]),
            "",
        ]
    return lines


def _costs(cost: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    plain = cost["plain"]["multiply_adds"]
    titles = {"plain": "plain MobileNetV2", "model": "this one", "teacher": "the teacher (not included)"}
    lines = []
    for name, each in cost.items():
        millions, times = each["multiply_adds"] / 1e6, each["multiply_adds"] / plain
        lines.append(
            f"| {titles[name]} | {each['side']} px | {millions:.0f} M | {times:.2f} | {_megabytes(each.get('bytes'))} |"
        )
    lines += [f"| {each['name']} | {each['side']} px | | | {_megabytes(each['bytes'])} |" for each in earlier]
    return lines


def _megabytes(size: int | None) -> str:
    return f"{size / 1e6:.1f} MB" if size is not None else ""


def _row(title: str, figures: Mapping[str, Any]) -> str:
    return f"| {title} | {figures['n']} | " + " | ".join(_figure(figures, name) for name in _COLUMNS) + " |"


def _figure(figures: Mapping[str, Any], name: str) -> str:
    value, spread = figures[name], figures.get(f"{name}_sd", 0.0)
    if name in ("accuracy", "balanced_accuracy"):
        return f"{100 * value:.1f} ± {100 * spread:.1f} %" if spread else f"{100 * value:.1f} %"
    return f"{value:.4f}" if name != "ece" else f"{value:.3f}"


def _interval(figures: Mapping[str, Any]) -> str:
    least, most = figures["balanced_accuracy_95"]
    low, high = figures["auc_95"]
    return (
        f"95 % intervals of the first row (1,000 bootstrap samples of whole sources, first shuffle): balanced accuracy "
        f"{100 * least:.1f} to {100 * most:.1f} %, AUC {low:.4f} to {high:.4f}."
    )


def _share(figures: Mapping[str, Any]) -> str:
    least, most = figures["right_95"]
    return f"{100 * figures['right']:.1f} % of {figures['n']} ({100 * least:.0f} to {100 * most:.0f})"
