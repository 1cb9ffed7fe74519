"""A simulated user drives a session: what a method needs or makes of a prompt, and how long each answer takes."""

from napari_iseg.evaluation.folder import evaluate_folder
from napari_iseg.evaluation.objects import evaluate_objects
from napari_iseg.evaluation.prompt_kinds import PROMPT_KINDS, PromptKind
from napari_iseg.evaluation.protocol import ObjectResult, evaluate_object
from napari_iseg.evaluation.report import Report, reports_table

__all__ = [
    "PROMPT_KINDS",
    "ObjectResult",
    "PromptKind",
    "Report",
    "evaluate_folder",
    "evaluate_object",
    "evaluate_objects",
    "reports_table",
]
