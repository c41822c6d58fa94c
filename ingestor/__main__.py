"""``python -m ingestor``: the same as ``maintd``."""

from ingestor.entry import main

if __name__ == "__main__":
    main()
