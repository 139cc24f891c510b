"""Events in daily series of SST: marine heatwaves and cold spells."""
