"""Who may call, how often, and whether there is room: the outermost layer."""
