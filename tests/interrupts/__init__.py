"""What a signal, a reader that leaves and a full disk do in each phase of each command."""
