"""A regular SST series: its values, its time step, its times, and the windows in it."""
