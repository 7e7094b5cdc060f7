"""What is shown on a terminal by the command and by a live run: hostile text that cannot steer it, and pictures."""
