"""How the models are trained. Not imported by a worker."""
