"""The usual SST of any position at sea, by time of the year, from a coarse global climatology that ships."""
