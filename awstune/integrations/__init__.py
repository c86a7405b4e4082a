"""Other people's trainers, a few lines each; imported only if asked."""
