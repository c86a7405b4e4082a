"""The command line; the only click. A command is parse -> wire -> call -> render."""
