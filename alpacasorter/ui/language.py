"""The language of the window: messages, formats, and the sentences that Qt brings itself."""

from __future__ import annotations

import os

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from alpacasorter import i18n
from alpacasorter.ui.widgets.locale_formats import formats_of, locale_of


def use_language(application: QCoreApplication, wanted: str) -> str:
    """Have the window and Qt speak a language, before any widget is made; return its code.

    Args:
        application: the application.
        wanted: what the user has chosen in the settings, empty for that of the system. What ALPACASORTER_LANGUAGE
            names counts more, because it is for this run.
    """
    language = i18n.use(None if os.environ.get(i18n.LANGUAGE_VARIABLE) else wanted or None)
    system = QLocale.system()
    i18n.set_formats(formats_of(language, system))
    QLocale.setDefault(locale_of(language, system))
    translator = qt_translator(language)
    if translator is not None:
        translator.setParent(application)
        application.installTranslator(translator)
    return language


def qt_translator(language: str) -> QTranslator | None:
    """Return what translates the buttons and menus of Qt itself; None for English and where Qt has no translation."""
    if language == i18n.ENGLISH:
        return None
    translator = QTranslator()
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    return translator if translator.load(QLocale(language), "qtbase", "_", folder) else None
