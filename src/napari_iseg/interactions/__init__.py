"""What a user says to a method: clicks, boxes, scribbles and masks, and a simulated user who says it."""

from napari_iseg.interactions.prompts import Box, Choice, Click, MaskPrompt, Prompt, Scribble
from napari_iseg.interactions.simulated import IGNORE, iou, next_click, sample_training_click

__all__ = [
    "IGNORE",
    "Box",
    "Choice",
    "Click",
    "MaskPrompt",
    "Prompt",
    "Scribble",
    "iou",
    "next_click",
    "sample_training_click",
]
