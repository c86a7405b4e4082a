"""The stories that join the rooms. They yield events; they neither print nor ask."""
