"""The embedded cloud: moto over real HTTP, and one real SSH server per instance, all on loopback."""
