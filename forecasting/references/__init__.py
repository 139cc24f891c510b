"""What a network has to beat: persistence, climatology, damped persistence, linear autoregression."""
