"""The values that forecasts start from, checked and aligned."""
