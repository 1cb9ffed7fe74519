"""Networks: tensors in, tensors out; one file per method. They hold weights and nothing else."""
