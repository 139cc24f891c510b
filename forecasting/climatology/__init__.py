"""The usual SST of any position at sea, by time of year, from a coarse global climatology included in the package."""
