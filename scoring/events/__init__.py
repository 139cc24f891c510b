"""Events to judge by the forecasts: what the user asks for, and the columns and variables of the answers."""
