"""What a user says to a method: clicks, boxes, scribbles and masks, and a simulated user who says it."""

from napari_iseg.interactions.prompts import Box, Click, MaskPrompt, Prompt, Scribble

__all__ = ["Box", "Click", "MaskPrompt", "Prompt", "Scribble"]
