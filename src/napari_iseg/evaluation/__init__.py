"""A simulated user drives a session: how many clicks a method needs, and how long each takes."""

from napari_iseg.evaluation.folder import evaluate_folder, evaluate_objects
from napari_iseg.evaluation.protocol import ObjectResult, evaluate_object
from napari_iseg.evaluation.report import Report, reports_table

__all__ = ["ObjectResult", "Report", "evaluate_folder", "evaluate_object", "evaluate_objects", "reports_table"]
