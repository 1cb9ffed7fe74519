"""Predictors (maths, no memory), sessions (memory, no maths) and the one door that makes a session from an image."""
