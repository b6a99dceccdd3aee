"""Folds for cross-validation as training uses them; what they are is in `alpacasorter.ml.folds`, for the app too."""

from __future__ import annotations

from alpacasorter.ml.folds import FOLDS, SIMILARITY, assign_folds, groups_of_near_duplicates, splits

__all__ = ["FOLDS", "SIMILARITY", "assign_folds", "groups_of_near_duplicates", "splits"]
