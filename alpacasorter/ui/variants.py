"""The variants of a model in the window: switching between them, with undo, and asking which one the user means.

A model with variants draws the line between its two classes in several ways. Which one is in use is a setting. The
window asks about it at most twice: in the first folder with photos that it matters for, if the model wants that, and
when the user's corrections say that another variant is meant. What was answered or closed is never asked again, in any
folder. A user who has chosen a variant is not asked at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Signal
from PySide6.QtGui import QUndoCommand
from PySide6.QtWidgets import QMainWindow

from alpacasorter.core.events import Finished, Learned
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.models.control import ModelsControl
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photos.page import BrowsePage
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.banners import BannerBar, Choice, ChoiceBanner, NoticeBanner, Rank
from alpacasorter.ui.widgets.dialog_launcher import WindowControl
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import ModelFacts, VariantFacts, VariantsFacts

if TYPE_CHECKING:
    from alpacasorter.ml.learning.agreement import Agreement
    from alpacasorter.ui.settings_dialog import SettingsDialog

_A_FEW: Final = 3
"""Photos in the folder that another variant tags otherwise, from which the first question is worth asking."""
_SECOND: Final = 2
"""Corrections in favor of another variant, less those against it, from which it is asked about."""
_FIRST: Final = ""
"""Stands for the first question among the names of the variants that were asked about."""
_NO: Final = ""
"""The answer that keeps the variant in use."""


class VariantControl(WindowControl):
    """Switches between the variants of the model in use, and asks which one the user means.

    Attributes:
        question: asks it.

    Signals:
        changed(str): the variant with this name is in use now.
    """

    changed = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        engine: Engine,
        page: BrowsePage,
        models: ModelsControl,
        bar: BannerBar,
        notice: NoticeBanner,
        settings: Settings,
        folder: Callable[[], Path | None],
    ) -> None:
        """Connect the engine with the page.

        Args:
            window: the window.
            engine: judges the photos.
            page: shows the photos.
            models: offers the variants with the model in use.
            bar: shows the questions.
            notice: says what went wrong.
            settings: remember what was asked.
            folder: returns the open folder.
        """
        super().__init__(window)
        self._engine = engine
        self._page = page
        self.question = ChoiceBanner(bar, Rank.QUESTION)
        self._notice = notice
        self._settings = settings
        self._folder = folder
        self._model = ""
        self._variants: VariantsFacts | None = None
        self._wanted = ""
        # What is asked, or will be if it changes enough tags: the name of the variant that is suggested, or _FIRST.
        self._expected: str | None = None
        engine.ready.connect(self._on_ready)
        engine.model_changing.connect(self._withdraw)
        engine.finished.connect(self._on_finished)
        engine.variants.changed.connect(self._on_changed)
        engine.variants.agreed.connect(self._on_agreed)
        engine.variants.previewed.connect(self._on_previewed)
        engine.variants.failed.connect(self._on_failed)
        engine.learned.connect(self._on_learned)
        models.variant_chosen.connect(self.use)
        page.begun.connect(self._withdraw)
        self.question.closed.connect(self._on_closed)

    @property
    def variants(self) -> VariantsFacts | None:
        """The variants of the model in use; None if it has none."""
        return self._variants

    def use(self, name: str) -> None:
        """Use a variant from now on, for all photos; this can be undone while the folder is open."""
        variants = self._variants
        if variants is None:
            return
        before, self._wanted = self._wanted, name
        if name == before or self._folder() is None:
            # The engine remembers it as the user's choice even if it is in use already.
            self._engine.variants.use(name)
        else:
            self._page.corrections.stack.push(_Switch(self, variants, name, before))

    def attach(self, dialog: SettingsDialog) -> None:
        """Let the user switch in the settings."""
        dialog.variant_chosen.connect(self.use)
        self.changed.connect(dialog.show_variant)

    def switch(self, name: str, words: str) -> None:
        """Have the engine use a variant, for a step that is done, undone or redone; `words` say so."""
        self._wanted = name
        self._engine.variants.use(name)
        self._page.corrections.revisit((), words)

    # Events of the engine

    def _on_ready(self, model: ModelFacts) -> None:
        self._withdraw()
        self._variants = model.variants
        self._wanted = model.variants.current if model.variants is not None else ""
        key = "|".join((model.name, *sorted(model.labels.names)))
        stack = self._page.corrections.stack
        if key != self._model and any(isinstance(stack.command(n), _Switch) for n in range(stack.count())):
            # These variants are not those of this model.
            self._page.corrections.clear()
        self._model = key

    def _on_changed(self, variants: VariantsFacts) -> None:
        self._variants = variants
        self._wanted = variants.current
        self._tell()
        self.changed.emit(variants.current)

    def _on_failed(self, sentence: str) -> None:
        if self._variants is not None:
            self._wanted = self._variants.current
            # What the user chose in a dialog is not in use.
            self.changed.emit(self._wanted)
        self._notice.tell(sentence)

    def _on_finished(self, event: Finished) -> None:
        variants = self._variants
        if variants is None or event.canceled or not variants.first_question or not self._may_ask(_FIRST):
            return
        self._expected = _FIRST
        for one in variants.choices:
            if one.name != variants.current:
                self._engine.variants.preview(one.name)

    def _on_agreed(self, agreements: Sequence[Agreement]) -> None:
        """Ask about the variant that most corrections speak for, once its effect in this folder is known."""
        variants, best = self._variants, agreements[0]
        if variants is None or self.question.wanted or best.corrections - best.against < _SECOND:
            return
        if _facts(variants, best.variant).question and self._may_ask(best.variant):
            self._expected = best.variant
            self._engine.variants.preview(best.variant)

    def _on_previewed(self, name: str, keys: Collection[str]) -> None:
        """Ask what waited for how many tags a variant changes, or update what is asked."""
        variants, expected = self._variants, self._expected
        if variants is None or expected is None or name == variants.current:
            return
        changes = self._count(keys)
        if expected == _FIRST and changes >= _A_FEW:
            self._ask_first(variants, changes)
        elif expected == name and changes:
            self._ask_about(_facts(variants, name), changes)
        elif expected == name:
            self._withdraw()

    def _on_learned(self, event: Learned) -> None:
        if event.variant is not None:
            self._withdraw()
        elif self._expected is not None and self._expected != _FIRST:
            if None in event.changes.values():
                # A correction was undone, perhaps one of those that spoke for it.
                self._withdraw()
                return
            self._engine.variants.preview(self._expected)

    # Questions

    def _may_ask(self, name: str) -> bool:
        variants = self._variants
        return (
            variants is not None and not variants.is_chosen and self._named(name) not in self._settings.variants_asked
        )

    def _named(self, name: str) -> str:
        return f"{self._model}|{name}"

    def _count(self, keys: Collection[str]) -> int:
        """Return how many tags of the open folder a variant changes; copies of a photo count separately."""
        changed = frozenset(keys)
        return sum(row.key in changed and row.correction is None for row in self._page.store.rows)

    def _ask_first(self, variants: VariantsFacts, photos: int) -> None:
        matters = ngettext(
            "This matters for {count} photo in this folder.", "This matters for {count} photos in this folder.", photos
        ).format(count=number(photos))
        words = f"{variants.first_question} {matters} {_in_settings()}"
        self._ask(words, {one.name: one.title for one in variants.choices})

    def _ask_about(self, variant: VariantFacts, tags: int) -> None:
        would = ngettext(
            "This would change {count} other tag in this folder.",
            "This would change {count} other tags in this folder.",
            tags,
        ).format(count=number(tags))
        answers = {variant.name: variant.answer, _NO: _("No")}
        tips = {
            variant.name: _("All photos are tagged again at once. Your own labels stay, and this can be undone."),
            _NO: f"{_('Change nothing, and do not ask again.')} {_in_settings()}",
        }
        self._ask(f"{variant.question} {would}", answers, tips)

    def _ask(self, words: str, answers: Mapping[str, str], tips: Mapping[str, str] | None = None) -> None:
        choices = [
            Choice(title, partial(self._on_answered, name), (tips or {}).get(name, ""))
            for name, title in answers.items()
        ]
        self.question.offer(words, choices)

    def _on_answered(self, answer: str) -> None:
        self._remember()
        if answer != _NO:
            self.use(answer)
        self._page.grid.setFocus()

    def _on_closed(self) -> None:
        self._remember()
        self._page.grid.setFocus()

    def _remember(self) -> None:
        """Never ask this again. Who has said no to a variant is not asked the first question either."""
        expected, self._expected = self._expected, None
        if expected is not None:
            self._settings.variants_asked |= {self._named(_FIRST), self._named(expected)}

    def _withdraw(self) -> None:
        """Ask nothing for now."""
        self._expected = None
        self.question.hide()

    def _tell(self) -> None:
        """Say in the status bar which variant is in use."""
        if self._variants is not None:
            counts = self._page.store.counts
            now = text.now(counts[Filter.POSITIVE] + counts[Filter.NEGATIVE], counts[Filter.PROBLEMS])
            words = text.variant(self._variants.setting, self._variants.title)
            self.told.emit(f"{now}{text.BETWEEN}{words}")


class _Switch(QUndoCommand):
    """Another variant was chosen."""

    def __init__(self, owner: VariantControl, variants: VariantsFacts, after: str, before: str) -> None:
        self._setting, self._value = variants.setting, _facts(variants, after).title
        super().__init__(text.variant(self._setting, self._value))
        self._owner = owner
        self._after = after
        self._before = before
        self._is_first = True

    def redo(self) -> None:
        """Use the variant; also called when the command is pushed."""
        if self._is_first:
            # Translators: a setting and its value, such as "Ponies count as: Not horse."
            words = _("{setting}: {value}.").format(setting=self._setting, value=self._value)
        else:
            words = _("Redone: {action}.").format(action=self.text())
        self._is_first = False
        self._owner.switch(self._after, words)

    def undo(self) -> None:
        """Use the variant before."""
        self._owner.switch(self._before, _("Undone: {action}.").format(action=self.text()))


def _facts(variants: VariantsFacts, name: str) -> VariantFacts:
    return next(one for one in variants.choices if one.name == name)


def _in_settings() -> str:
    return _("You can change this in Settings at any time.")
