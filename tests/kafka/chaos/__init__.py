"""The chaos suite: it breaks what a worker stands on, and checks from outside what came out."""
