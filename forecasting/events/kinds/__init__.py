"""The kinds of event: days beyond a threshold, heatwaves and cold spells, and heat stress of corals."""
