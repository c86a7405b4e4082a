"""SSH and what travels over it; the only paramiko."""
