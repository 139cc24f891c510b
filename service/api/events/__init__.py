"""``/events``: marine heatwaves and cold spells in the past of the caller's series."""
