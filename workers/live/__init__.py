"""What `sluicegate run` does: a stack of services, a feed of posts, a watch on the verdicts, and a view of it all."""
