"""Where the parser library is known to be wrong, one form a file; ``parsers.corrections.table`` lists them."""
