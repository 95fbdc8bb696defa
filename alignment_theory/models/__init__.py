"""Networks from elsewhere and from here: training, data and files."""
