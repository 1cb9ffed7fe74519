"""Training: recipes, data, losses and the loop. Everything that a checkpoint in ``models/`` was made with."""
