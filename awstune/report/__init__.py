"""From a sweep's folder to what a person reads."""
