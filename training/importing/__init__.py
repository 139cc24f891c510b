"""Import of networks that were trained elsewhere: checked, evaluated, calibrated and published as a release."""
