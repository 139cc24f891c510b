"""What all readers share: options, tables of text, units, quality flags, places."""
