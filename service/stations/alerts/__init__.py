"""The events that a station watches: their state, the alerts that a change raises, and their delivery."""
