"""``python -m awstune``."""

from awstune.cli.main import main

main()
