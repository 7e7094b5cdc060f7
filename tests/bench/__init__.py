"""How fast the house is: `python -m bench`, which `make bench` starts. README.md says how each figure is measured."""
